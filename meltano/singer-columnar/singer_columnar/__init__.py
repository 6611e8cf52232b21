"""singer-columnar: the sending side of Singer taps that hold rows as columns.

Here belongs what every such tap does alike, whatever it reads: the wire contract of a column, RECORD lines and Parquet
files from Arrow batches, the stream and the tap around them (STATE after what is out, a stop that loses no bookmark,
one clear line for every failure), and what their tests need to run a tap and read what it said.
What a source is, how it is asked and where a read starts does not belong here: that is the tap's. Nor does loading.
"""
