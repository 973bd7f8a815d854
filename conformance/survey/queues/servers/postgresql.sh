#!/bin/sh
# PostgreSQL in the working directory, on a Unix socket there; it listens to nobody else.
# It refuses to run as root, so root becomes user 1000 in a namespace of its own; shared memory
# is in the directory and in that namespace, for a server that is killed does not remove it.
# A first start copies what `initdb` made once, below `build`.
build=$(cd "${0%/*}" && pwd)/build
programs=$(ls -d /usr/lib/postgresql/*/bin | tail -1)
as=; [ "$(id -u)" = 0 ] && as='unshare --user --ipc --map-user=1000 --map-group=1000'
exec >>postgresql.log 2>&1
if [ ! -d "$build/cluster" ]; then
    mkdir -p "$build" && made=$(mktemp -d "$build/XXXXXX") &&
        $as "$programs/initdb" -D "$made/cluster" -A trust -U postgres -E UTF8 --no-sync &&
        mv -T "$made/cluster" "$build/cluster"
    rm -rf "$made"
fi
[ -d data ] || { cp -r "$build/cluster" copy && mv copy data; }
rm -f data/postmaster.pid .s.PGSQL*
exec $as "$programs/postgres" -D data -c listen_addresses= -c unix_socket_directories="$PWD" \
    -c dynamic_shared_memory_type=mmap -c shared_buffers=16MB -c max_connections=40 -c max_wal_size=64MB
