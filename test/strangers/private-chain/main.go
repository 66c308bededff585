// A private chain made by go-ethereum's own code: blocks of one account, some of others, up to two uncles of both at each depth, transactions
// before and after London, payments to and from the account, transfers through a contract, some of them reverted; then geth's RPC over it.
// Arguments: blocks, HTTP port. Prints "ready <account> <head> <url>". With a third, a folder, it writes genesis.json and chain.rlp for
// another node there instead, and prints "written <account>".
package main

import (
	"encoding/json"
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/consensus/ethash"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/core/rawdb"
	"github.com/ethereum/go-ethereum/core/types"
	"github.com/ethereum/go-ethereum/crypto"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/eth/tracers"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"

	_ "github.com/ethereum/go-ethereum/eth/tracers/native"
)

func main() {
	count, _ := strconv.Atoi(os.Args[1])
	port, _ := strconv.Atoi(os.Args[2])
	poolKey, _ := crypto.HexToECDSA("b71c71a67e1177ad4e901695e1b4b9ee17ae16c6668d313eac2f96dbcda3f291")
	userKey, _ := crypto.HexToECDSA("8a1f9a8f95be41cd7ccb6168179afb4504aefe388d1e14474d32c45c72ce7b7a")
	pool, user := crypto.PubkeyToAddress(poolKey.PublicKey), crypto.PubkeyToAddress(userKey.PublicKey)
	other := common.HexToAddress("0x0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e0e")
	config := *params.AllEthashProtocolChanges
	config.ChainID = big.NewInt(7331)
	config.LondonBlock = big.NewInt(int64(count / 2))
	config.ArrowGlacierBlock, config.GrayGlacierBlock = nil, nil
	config.TerminalTotalDifficulty = nil
	million := new(big.Int).Mul(big.NewInt(1_000_000), big.NewInt(params.Ether))
	genesis := &core.Genesis{Config: &config, Difficulty: big.NewInt(131072), GasLimit: 30_000_000, Alloc: core.GenesisAlloc{user: {Balance: million}}}
	engine := ethash.NewFaker()
	db := rawdb.NewMemoryDatabase()
	genesisBlock := genesis.MustCommit(db)
	// CALL the account with whatever was sent; with an odd block number revert afterwards.
	runtime := append(append(common.FromHex("600060006000600034"+"73"), pool.Bytes()...), common.FromHex("5af1506001431660335760006000fd5b00")...)
	runtime[len(runtime)-9] = byte(len(runtime) - 2)
	deploy := append(common.FromHex(fmt.Sprintf("60%02x600c60003960%02x6000f3", len(runtime), len(runtime))), runtime...)
	forwarder := crypto.CreateAddress(user, 0)
	signer := types.LatestSigner(&config)
	blocks, _ := core.GenerateChain(&config, genesisBlock, engine, db, count, func(i int, b *core.BlockGen) {
		if i%7 == 3 {
			b.SetCoinbase(other)
		} else {
			b.SetCoinbase(pool)
		}
		london := i+1 >= count/2
		price := big.NewInt(int64(i%40+3) * params.GWei)
		tip := func(nonce uint64, to *common.Address, value *big.Int, data []byte, gas uint64) types.TxData {
			if london && i%2 == 0 {
				return &types.DynamicFeeTx{ChainID: config.ChainID, Nonce: nonce, To: to, Value: value, Data: data, Gas: gas, GasTipCap: big.NewInt(int64(i%5) * params.GWei / 3), GasFeeCap: new(big.Int).Add(b.BaseFee(), price)}
			}
			if london {
				price = new(big.Int).Add(price, b.BaseFee())
			}
			return &types.LegacyTx{Nonce: nonce, To: to, Value: value, Data: data, Gas: gas, GasPrice: price}
		}
		if i == 0 {
			b.AddTx(types.MustSignNewTx(userKey, signer, tip(b.TxNonce(user), nil, new(big.Int), deploy, 300_000)))
			return
		}
		for n := 0; n < i%4; n++ {
			to := other
			if n == 2 {
				to = pool
			}
			b.AddTx(types.MustSignNewTx(userKey, signer, tip(b.TxNonce(user), &to, big.NewInt(int64(i)*1_000_003), nil, 21_000)))
		}
		if i%5 == 1 {
			b.AddTx(types.MustSignNewTx(userKey, signer, tip(b.TxNonce(user), &forwarder, big.NewInt(int64(i)*77), nil, 100_000)))
		}
		if i%6 == 2 {
			b.AddTx(types.MustSignNewTx(poolKey, signer, tip(b.TxNonce(pool), &user, big.NewInt(int64(i)*999), nil, 21_000)))
		}
		if i > 8 && i%3 == 0 {
			for u := 0; u <= i%2; u++ {
				depth := 1 + (i/3+u)%6
				coinbase := pool
				if (i/3+u)%3 == 0 {
					coinbase = other
				}
				parent := b.PrevBlock(i - 1 - depth)
				b.AddUncle(&types.Header{ParentHash: parent.Hash(), Number: big.NewInt(parent.Number().Int64() + 1), Coinbase: coinbase, Extra: []byte{byte(i), byte(i >> 8), byte(u)}})
			}
		}
	})
	if len(os.Args) > 3 {
		export(os.Args[3], genesis, blocks)
		fmt.Printf("written %s\n", pool.Hex())
		return
	}
	stack, err := node.New(&node.Config{P2P: noPeers(), HTTPHost: "127.0.0.1", HTTPPort: port, HTTPModules: []string{"eth", "net", "debug"}, AuthPort: port + 1, AuthAddr: "127.0.0.1"})
	check(err)
	settings := ethconfig.Defaults
	settings.Genesis, settings.NetworkId, settings.NoPruning, settings.SnapshotCache = genesis, 7331, true, 0
	settings.Preimages = true
	settings.Ethash.PowMode = ethash.ModeFake
	settings.Miner.Etherbase = pool
	backend, err := eth.New(stack, &settings)
	check(err)
	stack.RegisterAPIs(tracers.APIs(backend.APIBackend))
	check(stack.Start())
	if n, err := backend.BlockChain().InsertChain(blocks); err != nil {
		panic(fmt.Sprintf("block %d: %v", n, err))
	}
	fmt.Printf("ready %s %d %s\n", pool.Hex(), backend.BlockChain().CurrentBlock().NumberU64(), stack.HTTPEndpoint())
	stack.Wait()
}

func export(folder string, genesis *core.Genesis, blocks []*types.Block) {
	text, err := json.Marshal(genesis)
	check(err)
	check(os.WriteFile(filepath.Join(folder, "genesis.json"), text, 0o600))
	file, err := os.Create(filepath.Join(folder, "chain.rlp"))
	check(err)
	for _, block := range blocks {
		check(block.EncodeRLP(file))
	}
	check(file.Close())
}

func noPeers() p2p.Config { return p2p.Config{MaxPeers: 0, NoDiscovery: true, NoDial: true} }

func check(err error) {
	if err != nil {
		panic(err)
	}
}
