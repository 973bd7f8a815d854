# A server of one member, on two ports of its own.
port=$((20000 + 2 * ($$ % 20000)))
export ETCDCTL_API=3
url=http://127.0.0.1:$port peer=http://127.0.0.1:$((port + 1))
serve() {
  etcd --data-dir d --listen-client-urls $url --advertise-client-urls $url \
    --listen-peer-urls $peer --initial-advertise-peer-urls $peer \
    --initial-cluster default=$peer --heartbeat-interval 20 --election-timeout 100 > ./log.$$ 2>&1 &
  server=$!
  for _ in $(seq 100); do
    ask endpoint health > /dev/null 2>&1 && return 0
    kill -0 $server 2> /dev/null || return 1
    sleep 0.05
  done
  return 1
}
ask() { etcdctl --endpoints $url --command-timeout=2s "$@"; }
stop() { kill -9 $server 2> /dev/null; wait $server 2> /dev/null; rm -f ./log.$$; }
complain() {
  said=$(grep -aE ' C \||^panic:' ./log.$$ | tail -1 | sed 's/^20[^|]*| //' | cut -c1-100)
  echo "does not start: ${said:-it runs and does not answer}"; stop
}
