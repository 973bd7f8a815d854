"""
Reports: everything that is shown is derived from the stream of events.
"""
