#!/bin/sh
# beanstalkd in the working directory, on the Unix socket `socket`; every write to its log is synced.
mkdir -p binlog
rm -f socket
exec beanstalkd -l "unix:$PWD/socket" -b binlog -f 0
