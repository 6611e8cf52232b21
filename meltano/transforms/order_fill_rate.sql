-- deps: lines = oic/order_dtl, orders = oic/order_hdr
-- pipeline: wms-incremental
-- description: How much of what was ordered could be allocated, by facility and day of the order.
-- plot: line SELECT strftime(ordered_on, '%Y-%m') AS month, 100.0 * sum(allocated_qty) / nullif(sum(ordered_qty), 0) AS fill_percent FROM input GROUP BY month ORDER BY month
SELECT
    orders.facility_key AS facility,
    orders.ord_date::DATE AS ordered_on,
    count(DISTINCT orders.id) AS orders,
    count(*) AS lines,
    count(*) FILTER (WHERE lines.alloc_qty >= lines.ord_qty) AS filled_lines,
    sum(lines.ord_qty) AS ordered_qty,
    sum(lines.alloc_qty) AS allocated_qty,
    round(100.0 * sum(lines.alloc_qty) / nullif(sum(lines.ord_qty), 0), 2) AS fill_percent
FROM lines
JOIN orders ON orders.id = lines.order_id
GROUP BY orders.facility_key, orders.ord_date::DATE
