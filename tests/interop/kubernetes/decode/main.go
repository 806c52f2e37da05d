// Decodes standard input with the types of those who read it, and ends with code 1 where a field is unknown to them or
// has another type: `decode dashboard` with those of Grafana, `decode service-monitor` with those of the Prometheus
// Operator.
package main

import (
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"os"

	"github.com/grafana/grafana-foundation-sdk/go/cog"
	"github.com/grafana/grafana-foundation-sdk/go/cog/plugins"
	"github.com/grafana/grafana-foundation-sdk/go/dashboard"
	monitoring "github.com/prometheus-operator/prometheus-operator/pkg/apis/monitoring/v1"
)

func main() {
	decoders := map[string]func(io.Reader) error{
		"dashboard":       decodeDashboard,
		"service-monitor": decodeServiceMonitor,
	}
	if len(os.Args) != 2 || decoders[os.Args[1]] == nil {
		fmt.Fprintln(os.Stderr, "usage: decode dashboard|service-monitor")
		os.Exit(2)
	}
	if err := decoders[os.Args[1]](os.Stdin); err != nil {
		fmt.Fprintln(os.Stderr, err)
		os.Exit(1)
	}
}

func decodeDashboard(input io.Reader) error {
	text, err := io.ReadAll(input)
	if err != nil {
		return err
	}
	// Without them, the options and the queries of panels are not decoded.
	plugins.RegisterDefaultPlugins()
	var decoded dashboard.Dashboard
	err = decoded.UnmarshalJSONStrict(text)
	// It returns an empty list where it found nothing.
	var found cog.BuildErrors
	if errors.As(err, &found) && len(found) == 0 {
		return nil
	}
	return err
}

func decodeServiceMonitor(input io.Reader) error {
	decoder := json.NewDecoder(input)
	decoder.DisallowUnknownFields()
	var decoded monitoring.ServiceMonitor
	if err := decoder.Decode(&decoded); err != nil {
		return err
	}
	for _, endpoint := range decoded.Spec.Endpoints {
		if err := endpoint.HTTPConfigWithProxyAndTLSFiles.Validate(); err != nil {
			return err
		}
	}
	return nil
}
