"""Tests of the gateway to Meltano.

``plugins`` holds Singer plugins of the standard library, ``projects`` makes projects of them.
"""
