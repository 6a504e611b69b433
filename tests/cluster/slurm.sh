#!/bin/bash
# A SLURM cluster on this machine, for as long as a command runs: two nodes with two cores each and host names of their
# own (n1, n2), an accounting database, everything on loopback and in a temporary folder that goes in the end.
#
#   tests/cluster/slurm.sh [COMMAND…]       (the tests of this folder that need SLURM, unless a command is given)
#
# Debian or Ubuntu, as root: it installs what is missing, and the nodes are UTS namespaces. Run it with the Python that
# has locexp and its extra `submitit` first in PATH. The command finds the cluster in SLURM_CONF, and what a test needs to
# disturb it in LOCEXP_SLURM, the temporary folder: `node NAME start`, `node NAME crash`, and `set KEY VALUE` in
# slurm.conf are what "$LOCEXP_SLURM/cluster" does. PORT_BASE (17000) moves its ports.
set -euo pipefail

tests=$(cd "$(dirname "$0")" && pwd)
[ $# -gt 0 ] || set -- python -m pytest -m cluster "$tests/test_slurm.py"

if ! { command -v slurmctld && command -v slurmdbd && command -v munged && command -v mariadbd; } >/dev/null; then
    apt-get update -qq
    DEBIAN_FRONTEND=noninteractive apt-get install -y -qq --no-install-recommends \
        slurm-wlm munge slurmdbd mariadb-server >/dev/null
fi

export LOCEXP_SLURM
LOCEXP_SLURM=$(mktemp -d -t locexp-slurm.XXXXXX)
S=$LOCEXP_SLURM
export SLURM_CONF=$S/slurm.conf
chmod 755 "$S"
base=${PORT_BASE:-17000}

child=
end() {
    set +e
    [ -z "$child" ] || kill "$child" 2>/dev/null
    scancel --full --user=root >"$S/scancel.txt" 2>&1  # steps of jobs live in sessions of their own
    scancel --signal=KILL --full --user=root >"$S/scancel.txt" 2>&1
    sleep 1
    for name in n1 n2 slurmctld slurmdbd mariadbd munged; do "$S/cluster" stop "$name"; done
    rm -rf "$S"
}
trap end EXIT
trap 'exit 130' INT
trap 'exit 143' TERM

# Starts and ends a part of the cluster, each by its process id.
cat >"$S/cluster" <<'CLUSTER'
#!/bin/bash
set -euo pipefail
S=$LOCEXP_SLURM
begin() { # NAME COMMAND…: in a session of its own, so that Ctrl-C ends the tests first
    local name=$1; shift
    setsid "$@" >>"$S/$name.txt" 2>&1 </dev/null &
    echo $! >"$S/$name.pid"
}
stop() { # NAME [SIGNAL]
    [ -e "$S/$1.pid" ] || return 0
    local pid; pid=$(cat "$S/$1.pid"); rm -f "$S/$1.pid"
    kill "-${2:-TERM}" "$pid" 2>/dev/null || return 0
    for _ in $(seq 100); do kill -0 "$pid" 2>/dev/null || return 0; sleep 0.1; done
    kill -KILL "$pid" 2>/dev/null || true
}
up() { # NODE: waits until it takes jobs
    for _ in $(seq 300); do
        case $(sinfo -h -p all -n "$1" -o %t 2>/dev/null) in idle | mix | alloc) return 0 ;; esac
        sleep 0.1
    done
    echo "node $1 is $(sinfo -h -p all -n "$1" -o %T):" >&2; tail -n 20 "$S/$1.txt" >&2; return 1
}
case "$1 ${3:-${2:-}}" in
    "begin "*) shift; begin "$@" ;;
    "stop "*) stop "$2" ;;
    "node start")
        begin "$2" unshare --uts --mount sh -c "hostname $2; mount --bind '$S/hosts' /etc/hosts; exec slurmd -D -N $2"
        scontrol update nodename="$2" state=resume >/dev/null 2>&1 || true
        up "$2" ;;
    "node crash")  # the daemon, its steps and their jobs at once, as when the machine loses its power
        pid=$(cat "$S/$2.pid"); rm "$S/$2.pid"
        lost=$(readlink "/proc/$pid/ns/uts")
        for process in /proc/[0-9]*; do
            if [ "$(readlink "$process/ns/uts" 2>/dev/null)" = "$lost" ]; then
                kill -KILL "${process##*/}" 2>/dev/null || true
            fi
        done
        scontrol update nodename="$2" state=down reason=crash ;;
    "set "*)
        sed -i "s|^$2=.*|$2=$3|" "$SLURM_CONF"
        stop slurmctld; begin slurmctld slurmctld -D
        up n1; up n2 ;;
    *) echo "cluster: unknown words: $*" >&2; exit 2 ;;
esac
CLUSTER
chmod +x "$S/cluster"

# Requeued jobs are held for as long as credentials live, two minutes unless cred_expire says less.
host=$(hostname -s)
cat >"$SLURM_CONF" <<CONF
ClusterName=loop
SlurmctldHost=$host(127.0.0.1)
SlurmctldPort=$((base + 17))
SlurmUser=root
SlurmdUser=root
AuthType=auth/munge
AuthInfo=socket=$S/munge/socket,cred_expire=5
CredType=cred/munge
CommunicationParameters=NoInAddrAny,NoCtldInAddrAny
ProctrackType=proctrack/linuxproc
TaskPlugin=task/none
JobAcctGatherType=jobacct_gather/linux
AccountingStorageType=accounting_storage/slurmdbd
AccountingStorageHost=127.0.0.1
AccountingStoragePort=$((base + 19))
AccountingStoragePass=$S/munge/socket
SelectType=select/cons_tres
SelectTypeParameters=CR_Core
SchedulerParameters=sched_interval=2,bf_interval=2
MpiDefault=none
ReturnToService=2
MaxArraySize=1001
KillWait=5
SlurmctldPidFile=$S/slurmctld.own
StateSaveLocation=$S/state
SlurmdPidFile=$S/%n/slurmd.own
SlurmdSpoolDir=$S/%n/spool
SlurmdParameters=config_overrides
NodeName=n1 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + 1)) CPUs=2
NodeName=n2 NodeHostname=$host NodeAddr=127.0.0.1 Port=$((base + 2)) CPUs=2
PartitionName=all Nodes=n1,n2 Default=YES MaxTime=INFINITE State=UP
PartitionName=closed Nodes=n1 MaxTime=1 State=DOWN
CONF
printf 'CgroupPlugin=cgroup/v1\nCgroupAutomount=no\n' >"$S/cgroup.conf"
install -m 600 /dev/null "$S/slurmdbd.conf"
cat >"$S/slurmdbd.conf" <<CONF
AuthType=auth/munge
AuthInfo=socket=$S/munge/socket
DbdHost=localhost
DbdAddr=127.0.0.1
DbdPort=$((base + 19))
SlurmUser=root
StorageType=accounting_storage/mysql
StorageHost=127.0.0.1
StoragePort=$((base + 6))
StorageUser=slurm
StoragePass=slurm
StorageLoc=slurm_acct_db
PidFile=$S/slurmdbd.own
CONF
{ cat /etc/hosts; echo '127.0.0.1 n1 n2'; } >"$S/hosts"  # daemons look up the name of their machine
mkdir -p "$S/state" "$S/n1/spool" "$S/n2/spool"
install -d -o munge -g munge -m 755 "$S/munge"
install -o munge -g munge -m 400 /dev/null "$S/munge/key"
head -c 1024 /dev/urandom >"$S/munge/key"
install -d -o mysql -g mysql "$S/mysql" "$S/mysqld"

within() { # SECONDS COMMAND…: until it succeeds
    local until=$((SECONDS + $1)); shift
    until "$@" >"$S/within.txt" 2>&1; do
        [ $SECONDS -lt $until ] || { echo "slurm.sh: not within time: $*" >&2; cat "$S/within.txt" "$S"/*.txt >&2; exit 1; }
        sleep 0.2
    done
}
"$S/cluster" begin munged setpriv --reuid=munge --regid=munge --init-groups /usr/sbin/munged --foreground --socket="$S/munge/socket" \
    --key-file="$S/munge/key" --pid-file="$S/munge/pid" --log-file="$S/munge/log" --seed-file="$S/munge/seed"
setpriv --reuid=mysql --regid=mysql --init-groups mariadb-install-db --no-defaults --datadir="$S/mysql" --auth-root-authentication-method=normal \
    --skip-test-db >"$S/install.txt" 2>&1
"$S/cluster" begin mariadbd setpriv --reuid=mysql --regid=mysql --init-groups mariadbd --no-defaults --datadir="$S/mysql" --socket="$S/mysqld/socket" \
    --bind-address=127.0.0.1 --port=$((base + 6)) --pid-file="$S/mysqld/pid" --innodb-lock-wait-timeout=900
sql() { mariadb --no-defaults --socket="$S/mysqld/socket" -u root "$@"; }
within 60 sql -e 'select 1'
sql -e "create database slurm_acct_db; create user slurm@'127.0.0.1' identified by 'slurm';
    create user slurm@localhost identified by 'slurm'; grant all on slurm_acct_db.* to slurm@'127.0.0.1';
    grant all on slurm_acct_db.* to slurm@localhost"
within 20 munge --socket="$S/munge/socket" -n
"$S/cluster" begin slurmdbd slurmdbd -D
within 60 sacctmgr -i add cluster loop
"$S/cluster" begin slurmctld slurmctld -D
within 30 scontrol ping
"$S/cluster" node n1 start
"$S/cluster" node n2 start

"$@" &  # a trap would wait for a command in the foreground
child=$!
wait $child
