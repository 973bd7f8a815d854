"""
Campaigns: every program up to a length, in shards that can be resumed.

- `campaign`: the plan, the shards, and how their results are merged
- `archive`: results on disk, one file for each finished shard
- `engine`: where the shards run: in this process, in several, or on a cluster
"""
