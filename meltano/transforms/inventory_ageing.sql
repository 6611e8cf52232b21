-- deps: inventory = oic/inventory, items = oic/item
-- pipeline: wms-incremental
-- description: How long stock has lain, by facility, as of the last movement that the warehouse knows.
-- plot: bar SELECT age, sum(on_hand_qty) AS units FROM input GROUP BY age ORDER BY max(oldest_days)
WITH now AS (SELECT max(mod_ts) AS moment FROM inventory),
aged AS (
    SELECT
        stock.facility_key AS facility,
        stock.curr_qty,
        stock.curr_qty * coalesce(items.unit_cost, 0) AS stock_value,
        stock.expiry_date,
        now.moment,
        date_diff('day', stock.create_ts, now.moment) AS days
    FROM inventory AS stock
    CROSS JOIN now
    LEFT JOIN items ON items.id = stock.item_id
    WHERE stock.curr_qty > 0
)
SELECT
    facility,
    CASE
        WHEN days <= 30 THEN '0-30 days'
        WHEN days <= 90 THEN '31-90 days'
        WHEN days <= 180 THEN '91-180 days'
        ELSE '181 days and more'
    END AS age,
    count(*) AS places,
    sum(curr_qty) AS on_hand_qty,
    sum(stock_value)::DECIMAL(38, 4) AS stock_value,
    count(*) FILTER (WHERE expiry_date < moment) AS expired_places,
    max(days) AS oldest_days,
    max(moment) AS as_of
FROM aged
GROUP BY 1, 2
