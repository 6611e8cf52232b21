"""The Dagster ``Definitions`` of this checkout, as ``workspace.yaml`` names them."""

from flext_pipelines.assets.location import load_definitions

defs = load_definitions()
