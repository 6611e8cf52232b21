"""What commands do to the warehouse-management database, each in one transaction.

What belongs here: the steps of each command, the rules of stock. What does not: statements (``statements``), keys and
repeating (``outcomes``), messages (``commands/wms``). Locks are taken in one order everywhere: the outcome's key, the
order or inbound shipment, the outbound shipment, stock by ascending id.
"""
