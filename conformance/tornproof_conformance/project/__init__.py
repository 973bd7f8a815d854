"""
Somebody's own project: the files that `tornproof init` writes, and the settings in it.

- `skeleton`: an adapter to fill in, in each of seven languages, and a workflow
- `settings`: `tornproof.toml`
- `skeletons/`: the kits and the adapters, as they are written
"""
