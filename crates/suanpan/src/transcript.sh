URL={address}/v1
KEY={key}
post() { curl -sS -X POST "$URL/$1" -H "Authorization: Bearer $KEY" -H "Idempotency-Key: $2" \
  -H 'Content-Type: application/json' -d "$3"; echo; }
get() { curl -sS "$URL/$1" -H "Authorization: Bearer $KEY"; echo; }
id() { sed -E 's/.*"'"$1"'": ?"([^"]+)".*/\1/'; }

PARTY=$(post parties welcome-1 '{"kind":"person","name":"样例","id_number":"{id}","mobile":"{mobile}"}' | id id)
get "parties/$PARTY"
APPLICATION=$(post applications welcome-2 '{"party":"'$PARTY'","product":"consumer-instalment",
  "amount":{"amount":"5000.00","currency":"CNY"},"term":6,
  "facts":{"job":"skilled","purpose":"furniture","housing":"rent"}}' | id id)
get "applications/$APPLICATION"
LOAN=$(post "applications/$APPLICATION/sign" welcome-3 '{}' | id loan)
post "loans/$LOAN/disburse" welcome-4 '{}'
get "loans/$LOAN/schedule"
post "loans/$LOAN/repayments" welcome-5 '{"amount":{"amount":"1000.00","currency":"CNY"}}'
get "loans/$LOAN/settlement-quote"
get reports/trial-balance
