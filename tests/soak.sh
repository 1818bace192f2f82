#!/usr/bin/env bash
# Soak: a training run that is stopped in every way, again and again, ends in the same bytes as one that is left alone.
#
#   RNN=target/release/rnn SECONDS_IN_ALL=7200 STOPS=200 bash tests/soak.sh
#
# Each stop is drawn at random (SEED): kill -9, SIGTERM, SIGINT, SIGHUP, a pause (SIGSTOP) for most of the time, a second
# process at the same files (which must be refused), a full disk (a small tmpfs where mounting is allowed), and a limit on
# the size of files. The net is tiny, and most of the time the run is paused: so it can go on for hours beside other work.
# What is printed at the end: how many stops of each kind, and whether best, last, log and plot are the same to the byte.
set -u
RNN=${RNN:?name the program: RNN=target/release/rnn}
RNN=$(realpath "$RNN")
SECONDS_IN_ALL=${SECONDS_IN_ALL:-7200}
STOPS=${STOPS:-200}
RANDOM=${SEED:-1}
# Seconds of computing between two stops, at most; the rest of the time of a stop is a pause.
BUSY=${BUSY:-1}

folder=$(mktemp -d)
disk=$folder/disk
mkdir "$disk"
mounted=no
mount -t tmpfs -o size=4m tmpfs "$disk" 2>/dev/null && mounted=yes
trap 'kill -KILL ${run:-} 2>/dev/null; [ $mounted = yes ] && umount -l "$disk"; rm -rf "$folder"' EXIT
cd "$disk" || exit 1

for i in $(seq 20); do echo "the quick brown fox $i jumps over the lazy dog"; done > text.txt
flags="--data text.txt --cell gru --hidden 8 --embedding 4 --steps 8 --batch-size 4 --dropout 0.2 --clip 1 --save-every 7 --log-interval 500"
train() { # name, epochs, more
    # shellcheck disable=SC2086
    "$RNN" train text $flags --epochs "$2" --checkpoint "$1.safetensors" --log "$1.jsonl" --plot "$1.svg" "${@:3}"
}
pause() { sleep "$(awk "BEGIN { print ($1) }")"; }
random() { awk "BEGIN { print $RANDOM / 32768 * $1 }"; }

# So many epochs that no stop comes after the end: measured once, with room to spare.
began=$(date +%s%N)
train probe 20 >/dev/null 2>&1 || { echo "the program does not train"; exit 1; }
epoch=$(( ($(date +%s%N) - began) / 20 ))
rm -f probe.*
epochs=$(awk "BEGIN { print int(0.8 * $STOPS * $BUSY * 0.5e9 / $epoch) + 20 }")
echo "$epochs epochs of $((epoch / 1000000)) ms; $STOPS stops in $SECONDS_IN_ALL s; full disks by $([ $mounted = yes ] && echo 'a tmpfs of 4 MB' || echo 'a limit on files alone')"

declare -A done=()
faults=0
fault() { echo "FAULT  $*"; faults=$((faults + 1)); cat err; }
started=$(date +%s)
for stop in $(seq "$STOPS"); do
    # What an earlier run said must not be read as said by one that a signal ends before it could say anything.
    : > err
    ( train parts "$epochs" --resume >/dev/null 2>err; echo $? > code ) & run=$!
    pause "$(random "$BUSY")"
    child=$(pgrep -P "$run" | head -n 1)
    kinds=(KILL TERM INT HUP second full limit)
    kind=${kinds[$((RANDOM % ${#kinds[@]}))]}
    want=any
    case $kind in
    KILL | TERM | INT | HUP)
        kill -"$kind" "$child" 2>/dev/null
        [ "$kind" = KILL ] || want=stopped ;;
    second)
        train parts "$epochs" --resume > /dev/null 2> second; code=$?
        if [ "$code" != 1 ] || ! grep -q 'another run' second; then
            # Unless the first had ended by then.
            kill -0 "$run" 2>/dev/null && { cat second; fault "stop $stop: a second process ended with $code"; }
        fi
        kill -KILL "$child" 2>/dev/null ;;
    full)
        if [ $mounted = yes ]; then dd if=/dev/zero of=filler bs=64k 2>/dev/null; pause 0.3; fi
        kill -TERM "$child" 2>/dev/null; wait "$run"; rm -f filler ;;
    limit)
        kill -KILL "$child" 2>/dev/null; wait "$run"
        ( ulimit -f 1; train parts "$epochs" --resume >/dev/null 2>err; echo $? > code )
        [ "$(cat code)" = 1 ] || fault "stop $stop: a limit on files ended with $(cat code)" ;;
    esac
    wait "$run"
    if [ $want = stopped ]; then
        # One that comes before the run has begun to listen ends it at once, and loses nothing.
        case $(cat code) in
        129 | 130 | 143) grep -q 'saved in' err || ! grep -q 'updates an epoch' err || fault "stop $stop: $kind was not answered" ;;
        0) ;; *) fault "stop $stop: $kind ended with $(cat code)" ;; esac
    fi
    done[$kind]=$((${done[$kind]:-0} + 1))
    # The pause: a run that is stopped by the system in the middle of its work, and then killed.
    left=$((started + SECONDS_IN_ALL - $(date +%s))); rest=$((STOPS - stop))
    if [ $left -gt 0 ] && [ $rest -gt 0 ]; then
        ( train parts "$epochs" --resume >/dev/null 2>err; echo $? > code ) & run=$!
        pause "$(random 0.3)"
        child=$(pgrep -P "$run" | head -n 1)
        kill -STOP "$child" 2>/dev/null
        pause "$left / ($rest + 1) > 1 ? $left / ($rest + 1) - 0.5 : 0"
        kill -CONT "$child" 2>/dev/null; pause 0.05; kill -KILL "$child" 2>/dev/null; wait "$run"
        done[STOP]=$((${done[STOP]:-0} + 1))
    fi
done
step=$(tail -n 1 parts.jsonl | grep -o '"step":[0-9]*')
train parts "$epochs" --resume >/dev/null 2>err || fault "the last run did not end well"
leftovers=$(ls -A | grep -c '\.part$\|\.lock$')
[ "$leftovers" = 0 ] || fault "$leftovers temporaries or locks are left: $(ls -A | grep '\.part$\|\.lock$')"
cd "$folder" && cp disk/text.txt . && train whole "$epochs" >/dev/null 2>&1
for file in safetensors last.safetensors jsonl svg; do
    cmp -s "whole.$file" "disk/parts.$file" || { : > err; fault "$file differs from that of a run that was left alone"; }
done
total=0; for kind in "${!done[@]}"; do total=$((total + ${done[$kind]})); printf '%s %s, ' "$kind" "${done[$kind]}"; done
echo "in all $total stops in $(( $(date +%s) - started )) s, the last at $step; $faults faults"
[ $faults = 0 ] && echo "same bytes: best, last, log and plot"
exit $((faults > 0))
