package controller

import (
	"github.com/samsa-project/samsa/internal/core/metadata"
	"github.com/samsa-project/samsa/internal/wire"
	"github.com/samsa-project/samsa/internal/wire/msg"
)

// TopicRef names a topic by its name or by its id, and must not do both.
type TopicRef struct {
	Name wire.NullString
	ID   metadata.TopicID
}

// DeleteResult is what became of a TopicRef.
type DeleteResult struct {
	Name    wire.NullString // null when only an unknown id was given
	ID      metadata.TopicID
	Refused *Refusal
}

// Delete decides on the deletion of topics. A topic that is named twice, by name
// and id too, is not deleted: who sends that means something else. The Reply is
// a []DeleteResult with one entry per entry of the request, in its order.
func Delete(img *metadata.Image, refs []TopicRef) Outcome {
	results := make([]DeleteResult, len(refs))
	named := map[metadata.TopicID]int{}
	for i, ref := range refs {
		results[i] = findTopic(img, ref)
		if results[i].Refused == nil {
			named[results[i].ID]++
		}
	}
	var records []metadata.Record
	for i := range results {
		r := &results[i]
		if r.Refused != nil {
			continue
		}
		if named[r.ID] > 1 {
			what := "Duplicate topic name."
			if !refs[i].Name.Valid {
				what = "Duplicate topic id."
			}
			*r = DeleteResult{Name: refs[i].Name, ID: refs[i].ID, Refused: refuse(wire.ErrInvalidRequest, "%s", what)}
			continue
		}
		records = append(records, metadata.Record{Message: &msg.RemoveTopicRecord{TopicID: wire.UUID(r.ID)}})
	}
	return Outcome{Records: records, Reply: results}
}

func findTopic(img *metadata.Image, ref TopicRef) DeleteResult {
	byID := ref.ID != metadata.ZeroTopicID
	r := DeleteResult{Name: ref.Name, ID: ref.ID}
	var t *metadata.Topic
	switch {
	case byID && ref.Name.Valid:
		r.Refused = refuse(wire.ErrInvalidRequest, "You may not specify both topic name and topic id.")
	case byID:
		if t = img.TopicByID(ref.ID); t == nil {
			r.Refused = refuse(wire.ErrUnknownTopicID, "This server does not host this topic ID.")
		}
	case ref.Name.Valid:
		if t = img.Topic(ref.Name.String); t == nil {
			r.Refused = refuse(wire.ErrUnknownTopicOrPartition, "This server does not host this topic-partition.")
		}
	default:
		r.Refused = refuse(wire.ErrInvalidRequest, "Neither topic name nor id were specified.")
	}
	if t != nil {
		r.Name, r.ID = wire.Str(t.Name), t.ID
	}
	return r
}
