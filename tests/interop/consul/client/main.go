// Asks an agent of Consul for the instances of a service with Consul's own library, again and again from the index of
// the last answer, and prints each answer as one line of JSON: consul-client ADDRESS TOKEN
package main

import (
	"encoding/json"
	"fmt"
	"os"
	"time"

	"github.com/hashicorp/consul/api"
)

type instance struct {
	ID      string
	Address string
	Port    int
	Status  string
	Passing int
	Warning int
}

type answer struct {
	Index     uint64
	Instances []instance
}

func main() {
	client, err := api.NewClient(&api.Config{Address: os.Args[1], Token: os.Args[2]})
	exitOn(err)
	for index := uint64(0); ; {
		options := &api.QueryOptions{WaitIndex: index, WaitTime: 5 * time.Minute}
		entries, meta, err := client.Health().Service("db", "", false, options)
		exitOn(err)
		index = meta.LastIndex
		instances := make([]instance, len(entries))
		for i, entry := range entries {
			instances[i] = read(entry)
		}
		exitOn(json.NewEncoder(os.Stdout).Encode(answer{index, instances}))
	}
}

func read(entry *api.ServiceEntry) instance {
	address := entry.Service.Address
	if address == "" {
		address = entry.Node.Address
	}
	return instance{
		ID:      entry.Service.ID,
		Address: address,
		Port:    entry.Service.Port,
		Status:  entry.Checks.AggregatedStatus(),
		Passing: entry.Service.Weights.Passing,
		Warning: entry.Service.Weights.Warning,
	}
}

func exitOn(err error) {
	if err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}
