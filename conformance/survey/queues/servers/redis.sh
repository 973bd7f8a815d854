#!/bin/sh
# Redis in the working directory, on the Unix socket `socket`; every write is synced before it is answered.
exec redis-server --port 0 --unixsocket socket --dir . --logfile redis.log --appendonly yes --appendfsync always --save ''
