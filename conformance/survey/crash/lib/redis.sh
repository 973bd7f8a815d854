# A server on a socket in the working directory; FSYNC says how it syncs.
socket=./redis.$$.sock log=./redis.$$.log
serve() {
  redis-server --dir . --port 0 --unixsocket $socket --appendonly yes --appendfsync $FSYNC \
    --save '' --logfile '' > $log 2>&1 &
  server=$!
  for _ in $(seq 200); do
    [ "$(ask ping 2> /dev/null)" = PONG ] && return 0
    kill -0 $server 2> /dev/null || return 1
    sleep 0.02
  done
  return 1
}
ask() { redis-cli -s $socket "$@"; }
stop() { kill -9 $server 2> /dev/null; wait $server 2> /dev/null; rm -f $socket $log; }
complain() {
  echo "does not start: $(grep -aE '#|rror|Bad' $log | tail -1 | sed 's/.* # //' | cut -c1-110)"
  stop
}
