// What the unlocker, payouts and API of a Go pool ask of a Redis, over the client that open-etc-pool uses (go-redis v9).
// The pools themselves are not in the Go module proxy; these are their requests, written anew.
// Arguments: address of the Redis, coin, window in seconds. Commands on standard input, one JSON object a line; answers likewise.
package main

import (
	"bufio"
	"context"
	"encoding/json"
	"fmt"
	"os"
	"strconv"
	"strings"

	"github.com/redis/go-redis/v9"
)

var ctx = context.Background()

type request struct {
	Do     string           `json:"do"`
	Login  string           `json:"login"`
	Amount int64            `json:"amount"`
	Height int64            `json:"height"`
	Hash   string           `json:"hash"`
	Reward string           `json:"reward"`
	Shares map[string]int64 `json:"shares"`
	Now    int64            `json:"now"`
	Meddle bool             `json:"meddle"`
}

type pool struct {
	db     *redis.Client
	other  *redis.Client
	coin   string
	window int64
}

func (p *pool) key(parts ...any) string {
	all := []string{p.coin}
	for _, part := range parts {
		all = append(all, fmt.Sprint(part))
	}
	return strings.Join(all, ":")
}

func main() {
	window, _ := strconv.ParseInt(os.Args[3], 10, 64)
	options := func() *redis.Options { return &redis.Options{Addr: os.Args[1], PoolSize: 10} }
	p := &pool{redis.NewClient(options()), redis.NewClient(options()), os.Args[2], window}
	lines := bufio.NewScanner(os.Stdin)
	for lines.Scan() {
		var asked request
		if err := json.Unmarshal(lines.Bytes(), &asked); err != nil {
			panic(err)
		}
		answer, err := p.do(asked)
		said := map[string]any{"answer": answer}
		if err != nil {
			said["error"] = err.Error()
		}
		text, _ := json.Marshal(said)
		fmt.Println(string(text))
	}
}

func (p *pool) do(r request) (any, error) {
	switch r.Do {
	case "check":
		return p.db.Ping(ctx).Result()
	case "save":
		return p.db.BgSave(ctx).Result()
	case "candidates":
		return p.db.ZRangeByScoreWithScores(ctx, p.key("blocks", "candidates"), &redis.ZRangeBy{Min: "0", Max: fmt.Sprint(r.Height)}).Result()
	case "round":
		return p.db.HGetAll(ctx, p.key("shares", fmt.Sprint("round", r.Height), r.Hash)).Result()
	case "immature":
		return nil, p.immature(r)
	case "matured":
		return nil, p.matured(r)
	case "payees":
		return p.payees()
	case "balance":
		return p.db.HGet(ctx, p.key("miners", r.Login), "balance").Int64()
	case "pay":
		return nil, p.pay(r)
	case "stats":
		return p.stats(r)
	case "workers":
		return p.workers(r)
	}
	return nil, fmt.Errorf("unknown request %q", r.Do)
}

// The candidate of r.Height with the nonce r.Hash becomes immature; r.Shares are the rewards.
func (p *pool) immature(r request) error {
	found, err := p.db.ZRangeByScore(ctx, p.key("blocks", "candidates"), &redis.ZRangeBy{Min: fmt.Sprint(r.Height), Max: fmt.Sprint(r.Height)}).Result()
	if err != nil || len(found) == 0 {
		return fmt.Errorf("no candidate: %v", err)
	}
	field := strings.Split(found[0], ":")
	block := strings.Join([]string{"0", "0", field[0], r.Hash, field[3], field[4], field[5], r.Reward}, ":")
	_, err = p.db.TxPipelined(ctx, func(tx redis.Pipeliner) error {
		tx.ZRem(ctx, p.key("blocks", "candidates"), found[0])
		tx.ZAdd(ctx, p.key("blocks", "immature"), redis.Z{Score: float64(r.Height), Member: block})
		total := int64(0)
		for login, amount := range r.Shares {
			total += amount
			tx.HIncrBy(ctx, p.key("miners", login), "immature", amount)
			tx.HSetNX(ctx, p.key("credits", "immature", r.Height, r.Hash), login, amount)
		}
		tx.HIncrBy(ctx, p.key("finances"), "immature", total)
		return nil
	})
	return err
}

// The immature block of r.Height matures under a watch of its credits; with r.Meddle somebody else changes them meanwhile.
func (p *pool) matured(r request) error {
	credits := p.key("credits", "immature", r.Height, r.Hash)
	return p.db.Watch(ctx, func(tx *redis.Tx) error {
		held, err := tx.HGetAll(ctx, credits).Result()
		if err != nil {
			return err
		}
		found, err := tx.ZRangeByScore(ctx, p.key("blocks", "immature"), &redis.ZRangeBy{Min: fmt.Sprint(r.Height), Max: fmt.Sprint(r.Height)}).Result()
		if err != nil || len(found) == 0 {
			return fmt.Errorf("no immature block: %v", err)
		}
		if r.Meddle {
			p.other.HIncrBy(ctx, credits, "0xmeddler", 1)
			defer p.other.HDel(ctx, credits, "0xmeddler")
		}
		field := strings.Split(found[0], ":")
		_, err = tx.TxPipelined(ctx, func(pipe redis.Pipeliner) error {
			pipe.Del(ctx, p.key("shares", fmt.Sprint("round", r.Height), field[2]))
			pipe.ZRem(ctx, p.key("blocks", "immature"), found[0])
			pipe.ZAdd(ctx, p.key("blocks", "matured"), redis.Z{Score: float64(r.Height), Member: found[0]})
			pipe.ZAdd(ctx, p.key("credits", "all"), redis.Z{Score: float64(r.Height), Member: strings.Join([]string{r.Hash, fmt.Sprint(r.Now), r.Reward}, ":")})
			total := int64(0)
			for login, text := range held {
				amount, _ := strconv.ParseInt(text, 10, 64)
				total += amount
				pipe.HIncrBy(ctx, p.key("miners", login), "immature", -amount)
				pipe.HIncrBy(ctx, p.key("miners", login), "balance", amount)
				pipe.HSetNX(ctx, p.key("credits", r.Height, r.Hash), login, amount)
			}
			pipe.Del(ctx, credits)
			pipe.HIncrBy(ctx, p.key("finances"), "immature", -total)
			pipe.HIncrBy(ctx, p.key("finances"), "balance", total)
			pipe.HSet(ctx, p.key("finances"), "lastCreditHeight", r.Height)
			pipe.HSet(ctx, p.key("finances"), "lastCreditHash", r.Hash)
			pipe.HIncrBy(ctx, p.key("finances"), "totalMined", total)
			return nil
		})
		return err
	}, credits)
}

// Every login that the pool knows, found with cursors that Go holds in 64 bits.
func (p *pool) payees() (int, error) {
	logins, cursor := map[string]bool{}, uint64(0)
	for {
		keys, next, err := p.db.Scan(ctx, cursor, p.key("miners", "*"), 100).Result()
		if err != nil {
			return 0, err
		}
		for _, key := range keys {
			logins[strings.Split(key, ":")[2]] = true
		}
		if cursor = next; cursor == 0 {
			return len(logins), nil
		}
	}
}

// A payment from the lock to its entry in the lists.
func (p *pool) pay(r request) error {
	lock, pending := p.key("payments", "lock"), r.Login+":"+fmt.Sprint(r.Amount)
	got, err := p.db.SetNX(ctx, lock, pending, 0).Result()
	if err != nil || !got {
		return fmt.Errorf("no lock: %v", err)
	}
	if again, _ := p.other.SetNX(ctx, lock, pending, 0).Result(); again {
		return fmt.Errorf("two locks")
	}
	move := func(tx redis.Pipeliner, from, to string) {
		for _, key := range []string{p.key("miners", r.Login), p.key("finances")} {
			tx.HIncrBy(ctx, key, from, -r.Amount)
			tx.HIncrBy(ctx, key, to, r.Amount)
		}
	}
	if _, err = p.db.TxPipelined(ctx, func(tx redis.Pipeliner) error {
		move(tx, "balance", "pending")
		tx.ZAdd(ctx, p.key("payments", "pending"), redis.Z{Score: float64(r.Now), Member: pending})
		return nil
	}); err != nil {
		return err
	}
	_, err = p.db.TxPipelined(ctx, func(tx redis.Pipeliner) error {
		move(tx, "pending", "paid")
		tx.ZAdd(ctx, p.key("payments", "all"), redis.Z{Score: float64(r.Now), Member: r.Hash + ":" + pending})
		tx.ZAdd(ctx, p.key("payments", r.Login), redis.Z{Score: float64(r.Now), Member: r.Hash + ":" + fmt.Sprint(r.Amount)})
		tx.ZRem(ctx, p.key("payments", "pending"), pending)
		tx.HDel(ctx, p.key("payments", "pendingtx"), pending)
		tx.Del(ctx, lock)
		return nil
	})
	return err
}

// What the pool's page shows, read in one transaction that purges first.
func (p *pool) stats(r request) (any, error) {
	var hashrate, payments *redis.ZSliceCmd
	var totals [4]*redis.IntCmd
	_, err := p.db.TxPipelined(ctx, func(tx redis.Pipeliner) error {
		tx.ZRemRangeByScore(ctx, p.key("hashrate"), "-inf", fmt.Sprint("(", r.Now-p.window))
		hashrate = tx.ZRangeWithScores(ctx, p.key("hashrate"), 0, -1)
		for i, list := range []string{"candidates", "immature", "matured"} {
			totals[i] = tx.ZCard(ctx, p.key("blocks", list))
		}
		totals[3] = tx.ZCard(ctx, p.key("payments", "all"))
		payments = tx.ZRevRangeWithScores(ctx, p.key("payments", "all"), 0, 29)
		return nil
	})
	if err != nil {
		return nil, err
	}
	miners := map[string]int64{}
	for _, entry := range hashrate.Val() {
		field := strings.Split(entry.Member.(string), ":")
		difficulty, _ := strconv.ParseInt(field[0], 10, 64)
		miners[field[1]] += difficulty
	}
	return map[string]any{
		"minersTotal": len(miners), "work": miners, "candidatesTotal": totals[0].Val(), "immatureTotal": totals[1].Val(),
		"maturedTotal": totals[2].Val(), "paymentsTotal": totals[3].Val(), "payments": payments.Val(),
	}, nil
}

// What the account's page shows.
func (p *pool) workers(r request) (any, error) {
	var account *redis.MapStringStringCmd
	var round *redis.StringCmd
	_, err := p.db.TxPipelined(ctx, func(tx redis.Pipeliner) error {
		account = tx.HGetAll(ctx, p.key("miners", r.Login))
		round = tx.HGet(ctx, p.key("shares", "roundCurrent"), r.Login)
		return nil
	})
	if err != nil && err != redis.Nil {
		return nil, err
	}
	return map[string]any{"stats": account.Val(), "roundShares": round.Val()}, nil
}
