-- deps: allocations = oic/allocation, lines = oic/order_dtl, orders = oic/order_hdr
-- pipeline: wms-incremental
-- description: What was allocated and picked, and how long picking took, by facility and day of the allocation.
-- plot: line SELECT strftime(allocated_on, '%Y-%m') AS month, sum(allocated_qty) AS allocated, sum(picked_qty) AS picked FROM input GROUP BY month ORDER BY month
SELECT
    orders.facility_key AS facility,
    allocations.create_ts::DATE AS allocated_on,
    count(*) AS allocations,
    count(allocations.picked_ts) AS picked_allocations,
    sum(allocations.alloc_qty) AS allocated_qty,
    sum(allocations.packed_qty) AS picked_qty,
    round(100.0 * sum(allocations.packed_qty) / nullif(sum(allocations.alloc_qty), 0), 2) AS picked_percent,
    round(avg(date_diff('minute', allocations.create_ts, allocations.picked_ts)), 1) AS minutes_to_pick
FROM allocations
JOIN lines ON lines.id = allocations.order_dtl_id
JOIN orders ON orders.id = lines.order_id
GROUP BY orders.facility_key, allocations.create_ts::DATE
