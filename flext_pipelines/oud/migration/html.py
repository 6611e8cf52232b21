"""The report as HTML."""
from flext_pipelines.oud.migration.report import Report
def html_report(report: Report) -> str:
    return "# todo"
