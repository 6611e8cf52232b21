-- deps: inventory = oic/inventory, items = oic/item, allocations = oic/allocation
-- pipeline: wms-incremental
-- description: Stock by facility and item: on hand, promised to orders, still available, and what it is worth.
-- plot: bar SELECT facility, sum(on_hand_qty) AS on_hand, sum(available_qty) AS available FROM input GROUP BY facility ORDER BY facility
WITH promised AS (
    SELECT from_inventory_id AS inventory_id, sum(alloc_qty - packed_qty) AS units
    FROM allocations
    GROUP BY from_inventory_id
)
SELECT
    stock.facility_key AS facility,
    stock.item_id,
    stock.item_key AS item,
    items.description,
    count(*) AS places,
    sum(stock.curr_qty) AS on_hand_qty,
    sum(coalesce(promised.units, 0)) AS promised_qty,
    sum(stock.curr_qty - coalesce(promised.units, 0)) AS available_qty,
    sum(stock.curr_qty * coalesce(items.unit_cost, 0))::DECIMAL(38, 4) AS stock_value,
    min(stock.expiry_date) AS next_expiry,
    max(stock.mod_ts) AS changed_at
FROM inventory AS stock
LEFT JOIN items ON items.id = stock.item_id
LEFT JOIN promised ON promised.inventory_id = stock.id
GROUP BY stock.facility_key, stock.item_id, stock.item_key, items.description
