"""
The commands of `tornproof`, one module each.
"""
