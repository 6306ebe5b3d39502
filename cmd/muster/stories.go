package main

import (
	"context"

	"muster/internal/app"
	"muster/internal/scenario"
)

// runStories is the seam to the room that runs stories.
func runStories(ctx context.Context, paths []string, workers int) ([]scenario.Result, error) {
	rep, err := scenario.Run(ctx, paths, scenario.Options{Kinds: app.Connectors(), Workers: workers})
	return rep.Results, err
}
