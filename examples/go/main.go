// Prints the request headers that a token of tokend's goes into: acquire NAME
//
// protoc makes the package tokend/v1, see ../README.md.
package main

import (
	"context"
	"fmt"
	"os"
	"strings"
	"time"

	"google.golang.org/grpc"
	"google.golang.org/grpc/credentials/local"
	"google.golang.org/grpc/status"

	tokendv1 "tokend.example/acquire/tokend/v1"
)

// Long enough for a login at a slow provider.
const timeout = 30 * time.Second

func main() {
	if len(os.Args) != 2 {
		fmt.Fprintln(os.Stderr, "usage: acquire NAME")
		os.Exit(2)
	}
	name := os.Args[1]
	token, err := acquire(name)
	if err != nil {
		fmt.Fprintf(os.Stderr, "%s: %s: %s\n", name, status.Code(err), status.Convert(err).Message())
		os.Exit(1)
	}
	for _, placement := range token.Placements {
		if header := placement.GetHeader(); header != "" {
			fmt.Printf("%s: %s\n", header, placement.Value)
		}
	}
}

func acquire(name string) (*tokendv1.Token, error) {
	socket := os.Getenv("TOKEND_SOCKET")
	if socket == "" {
		socket = "/run/tokend/tokend.sock"
	}
	target := "unix:" + strings.TrimPrefix(socket, "unix://")
	// From 1.63 on this is NewClient.
	channel, err := grpc.Dial(target, grpc.WithTransportCredentials(local.NewCredentials()))
	if err != nil {
		return nil, err
	}
	defer channel.Close()
	ctx, cancel := context.WithTimeout(context.Background(), timeout)
	defer cancel()
	request := &tokendv1.AcquireTokenRequest{Name: name}
	answer, err := tokendv1.NewTokenServiceClient(channel).AcquireToken(ctx, request)
	if err != nil {
		return nil, err
	}
	return answer.Token, nil
}
