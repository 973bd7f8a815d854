"""
Readers, cursors and cleanup beside a writer.

- `programs`: programs in which cursors move and the writer cleans up
- `killable`: a filesystem whose process dies before a chosen operation
- `cleanup_explorer`: crash those programs at every point
- `truth`, `following`: a reader beside a writer, one disk operation at a time
- `shown`: crash after a reader has shown a record
"""
