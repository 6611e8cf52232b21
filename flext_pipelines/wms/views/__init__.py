"""What can be asked of the warehouse-management database.

What belongs here: queries, pages and their cursors, health. What does not: anything that changes a row. Pages are read
by key: each query has an index that ends in the key that the next page goes on from, so that it reads what it returns
(``tests/wms/test_plans.py`` asserts the plans).
"""
