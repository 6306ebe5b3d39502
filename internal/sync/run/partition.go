package run

import (
	"context"
	"maps"
	"slices"

	"muster/internal/base/problem"
	"muster/internal/store"
	"muster/internal/sync/connector"
)

// settingPartitions begins the names of settings that say of which partitions a
// connector's system was made when it was last imported.
const settingPartitions = "partitions/"

// partitions are what was there, as long as the connector's section chooses the
// same.
type partitions struct {
	Selection string            `json:"selection"`
	IDs       map[string]string `json:"ids"` // by name
}

func partitionsOf(x *Connected, desc connector.Description) partitions {
	p := partitions{Selection: x.selection(), IDs: map[string]string{}}
	for _, part := range desc.Partitions {
		p.IDs[part.Name] = part.ID
	}
	return p
}

// fits reports what keeps a step from beginning: a system that is no longer as it
// was when it was looked at last.
func (r *Runner) fits(ctx context.Context, x *Connected, desc connector.Description, byHand bool) error {
	if err := x.fits(desc.Schema); err != nil {
		return err
	}
	return r.sameParts(ctx, x, desc, byHand)
}

// sameParts reports a partition that is gone since the last import, or was made
// anew: who was in it would be taken for deleted (ERR-7). Whoever imports in full
// by hand takes a new one for the old.
func (r *Runner) sameParts(ctx context.Context, x *Connected, desc connector.Description, byHand bool) error {
	var was partitions
	err := r.store.Read(ctx, func(t *store.Tx) error { return setting(t, settingPartitions+x.Name, &was) })
	now := partitionsOf(x, desc)
	if err != nil || was.Selection != now.Selection || byHand {
		return err
	}
	for _, name := range slices.Sorted(maps.Keys(was.IDs)) {
		id, there := now.IDs[name]
		switch {
		case !there:
			return connector.NoPartition(name)
		case id != was.IDs[name] && id != "" && was.IDs[name] != "":
			return &problem.Problem{Code: connector.PartitionGone, Object: name, Message: "it was deleted and made anew since the last import",
				Fix: "if that is meant, import in full: muster import " + x.Name + " --full"}
		}
	}
	return nil
}

// keepParts notes the partitions that were imported.
func (r *Runner) keepParts(ctx context.Context, x *Connected, desc connector.Description) error {
	if len(desc.Partitions) == 0 {
		return nil
	}
	now := partitionsOf(x, desc)
	return r.store.People(ctx, func(t *store.Tx) error {
		var was partitions
		err := setting(t, settingPartitions+x.Name, &was)
		if err != nil || was.Selection == now.Selection && maps.Equal(was.IDs, now.IDs) {
			return err
		}
		return setSetting(t, settingPartitions+x.Name, now)
	})
}
