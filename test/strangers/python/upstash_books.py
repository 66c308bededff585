"""Reads and writes books with the Python client of Upstash. Arguments: URL and token. Prints what it saw as JSON."""
import json
import sys

from upstash_redis import Redis
from upstash_redis.errors import UpstashError

redis = Redis(url=sys.argv[1], token=sys.argv[2], rest_retries=0)
seen = {"ping": redis.ping(), "round": redis.hgetall("eth:shares:roundCurrent")}
keys, cursor = [], 0
while True:
    cursor, page = redis.scan(cursor, match="eth:*", count=3)
    keys += page
    if int(cursor) == 0:
        break
seen["keys"] = sorted(keys)
pipeline = redis.pipeline()
pipeline.set("eth:test:text", "né")
pipeline.get("eth:test:text")
pipeline.zadd("eth:test:zset", {"a": 1.5, "b": 2})
pipeline.zrange("eth:test:zset", 0, -1, withscores=True)
seen["pipeline"] = pipeline.exec()
transaction = redis.multi()
transaction.hincrby("eth:test:hash", "sum", 41)
transaction.hincrby("eth:test:hash", "sum", 1)
transaction.delete("eth:test:text", "eth:test:zset", "eth:test:hash")
seen["transaction"] = transaction.exec()
try:
    redis.flushall()
except UpstashError as refusal:
    seen["flushall"] = str(refusal)
print(json.dumps(seen))
