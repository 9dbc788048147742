#!/usr/bin/env bash
# A bridge with curl and jq. Texts and files come as JSON lines on standard input, answers go as JSON lines to standard output:
#   {"id": "m-1", "user": "ann", "text": "Hello"}   {"id": "m-2", "user": "ann", "file": "photo.jpg"}   {"id": "m-3", "user": "ann", "end": true}
# Gateway and bridge may be killed at any moment: requests are repeated with their id as the key, and reading goes on at the saved cursor.
set -euo pipefail
gateway=${GATEWAY_URL:-http://127.0.0.1:8090}
cursor_file=${CURSOR_FILE:-bridge.cursor}
headers=(-H "Authorization: Bearer ${GATEWAY_TOKEN:-none}")

call() { # repeats a request until the gateway has taken or refused it
    local status
    while true; do
        status=$(curl -sS -o /dev/null -w '%{http_code}' "${headers[@]}" "$@" 2>/dev/null) || status=0
        case $status in
        408 | 429 | 0 | 5??) sleep 0.2 ;;
        2??) return ;;
        *) echo "refused with $status: ${*: -1}" >&2 && return ;;
        esac
    done
}

send() {
    local line id user chat
    while IFS= read -r line; do
        id=$(jq -r .id <<<"$line") user=$(jq -r .user <<<"$line")
        chat=$gateway/chats/$(jq -rn --arg user "$user" '$user | @uri')
        if jq -e .end <<<"$line" >/dev/null; then
            call -X POST "$chat/end"
        elif jq -e .file <<<"$line" >/dev/null; then
            file=$(jq -r .file <<<"$line")
            call -H "Idempotency-Key: $id" --data-binary "@$file" "$chat/files?name=$(jq -rn --arg name "${file##*/}" '$name | @uri')"
        else
            jq -c '{text}' <<<"$line" | call_with_body "$id" "$chat/texts"
        fi
    done
}

call_with_body() { # the body is read once, and sent as often as is needed
    local body
    body=$(cat)
    call -H "Idempotency-Key: $1" -H "Content-Type: application/json" --data-binary "$body" "$2"
}

receive() {
    local cursor page
    cursor=$(cat "$cursor_file" 2>/dev/null || echo 0)
    while true; do
        page=$(curl -sSf "${headers[@]}" "$gateway/updates?wait=20&after=$cursor" 2>/dev/null) || { sleep 0.2; continue; }
        jq -c '.updates[] | {cursor, user: .client_id, seq: .update.seq, type: .update.type, text, key: .update.key, state: .update.state}' <<<"$page"
        cursor=$(jq .cursor <<<"$page")
        echo "$cursor" >"$cursor_file.new" && mv "$cursor_file.new" "$cursor_file"
    done
}

receive &
trap 'kill $!' EXIT
send
wait
