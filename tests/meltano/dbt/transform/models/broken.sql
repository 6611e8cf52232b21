{{ config(tags=["broken"]) }}
SELECT no_such_column
FROM read_json_auto('{{ env_var("DBT_LOADED") }}/orders.jsonl')
