SELECT count(DISTINCT id) AS orders, max(id) AS newest
FROM read_json_auto('{{ env_var("DBT_LOADED") }}/orders.jsonl')
