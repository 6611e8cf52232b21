"""The figures that this project promises, each measured against what it is compared with in one and the same run.

What belongs here: benchmarks, one module each with a ``measure`` that gives figures, and what they share: the Meltano
project that they run (``project``), its rows (``orders``), timing (``processes``) and the table (``figures``).
What does not: tests; a benchmark checks that its runs were right, but it is not where a fault is first found.
"""
