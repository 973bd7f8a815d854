"""
Reports, all generated from the stream of events.
"""
