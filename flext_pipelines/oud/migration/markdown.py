"""The report as Markdown."""
from flext_pipelines.oud.migration.report import Report
def markdown_report(report: Report) -> str:
    return "# todo"
