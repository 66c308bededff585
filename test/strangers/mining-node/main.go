// go-ethereum 1.10.26 as a node that hands out work: its own engine, miner, RPC and network, with what its flags would say. Only the lowest
// difficulty is lower than 131,072, which a light miner would search for minutes. The chain is kept in the folder.
// Arguments: folder, HTTP port, network port, etherbase, difficulty, URL for work ("" for none). Prints "ready <url>".
package main

import (
	"fmt"
	"math/big"
	"os"
	"path/filepath"
	"strconv"

	"github.com/ethereum/go-ethereum/common"
	"github.com/ethereum/go-ethereum/core"
	"github.com/ethereum/go-ethereum/eth"
	"github.com/ethereum/go-ethereum/eth/downloader"
	"github.com/ethereum/go-ethereum/eth/ethconfig"
	"github.com/ethereum/go-ethereum/log"
	"github.com/ethereum/go-ethereum/node"
	"github.com/ethereum/go-ethereum/p2p"
	"github.com/ethereum/go-ethereum/params"
)

func main() {
	folder, etherbase, notify := os.Args[1], common.HexToAddress(os.Args[4]), os.Args[6]
	httpPort, _ := strconv.Atoi(os.Args[2])
	difficulty, _ := new(big.Int).SetString(os.Args[5], 10)
	params.MinimumDifficulty.Set(difficulty)
	params.DifficultyBoundDivisor.Set(difficulty)
	log.Root().SetHandler(log.LvlFilterHandler(log.LvlWarn, log.StreamHandler(os.Stderr, log.LogfmtFormat())))
	config := *params.AllEthashProtocolChanges
	config.ChainID = big.NewInt(7331)
	config.TerminalTotalDifficulty = nil
	config.TerminalTotalDifficultyPassed = false
	settings := ethconfig.Defaults
	settings.Genesis = &core.Genesis{Config: &config, Difficulty: difficulty, GasLimit: 30_000_000}
	settings.NetworkId, settings.SyncMode, settings.SnapshotCache = 7331, downloader.FullSync, 0
	settings.Miner.Etherbase = etherbase
	// The data set that it begins at the first submitted block goes where the chain is, and not into the user's home: 1 GB, and a kill leaves what was begun.
	settings.Ethash.CacheDir, settings.Ethash.DatasetDir = "", filepath.Join(folder, "ethash-full")
	settings.Ethash.DatasetsInMem, settings.Ethash.DatasetsOnDisk = 0, 0
	if notify != "" {
		settings.Miner.Notify = []string{notify}
	}
	network := p2p.Config{MaxPeers: 5, NoDiscovery: true, ListenAddr: "127.0.0.1:" + os.Args[3]}
	stack, err := node.New(&node.Config{
		DataDir: folder, P2P: network, HTTPHost: "127.0.0.1", HTTPPort: httpPort, HTTPModules: []string{"eth", "net", "admin"},
		AuthAddr: "127.0.0.1", AuthPort: 0, UseLightweightKDF: true,
	})
	check(err)
	backend, err := eth.New(stack, &settings)
	check(err)
	check(stack.Start())
	// No threads of its own: what seals comes over RPC.
	check(backend.StartMining(0))
	fmt.Printf("ready %s\n", stack.HTTPEndpoint())
	stack.Wait()
}

func check(err error) {
	if err != nil {
		panic(err)
	}
}
