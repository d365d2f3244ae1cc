package metadata

import (
	"bytes"
	"fmt"
	"strings"

	"github.com/samsa-project/samsa/internal/wire/msg"
)

// snapshotOrder is the order in which retained kinds stand in a snapshot.
var snapshotOrder = []int16{KindClientQuota, KindACL, KindScramCredential, KindDelegationToken, KindZkMigrationState}

// retain keeps a record that this program does not read yet under what it is
// about, so that a later record of the same replaces or removes it and a
// snapshot loses nothing. A record of a kind without a rule here is refused.
func (a *applier) retain(r Record) error {
	switch v := r.Message.(type) {
	case *msg.AccessControlEntryRecord:
		a.keep(KindACL, string(v.ID[:]), r)
	case *msg.RemoveAccessControlEntryRecord:
		return a.drop(KindACL, string(v.ID[:]), "access rule "+v.ID.String())
	case *msg.UserScramCredentialRecord:
		own := *v // the bytes may belong to the buffer that was read
		own.Salt, own.StoredKey, own.ServerKey = bytes.Clone(v.Salt), bytes.Clone(v.StoredKey), bytes.Clone(v.ServerKey)
		a.keep(KindScramCredential, scramKey(v.Mechanism, v.Name), Record{&own, r.Version})
	case *msg.RemoveUserScramCredentialRecord:
		return a.drop(KindScramCredential, scramKey(v.Mechanism, v.Name), fmt.Sprintf("credential of %q", v.Name))
	case *msg.DelegationTokenRecord:
		a.keep(KindDelegationToken, v.TokenID, r)
	case *msg.RemoveDelegationTokenRecord:
		return a.drop(KindDelegationToken, v.TokenID, "delegation token "+v.TokenID)
	case *msg.ClientQuotaRecord:
		if v.Remove {
			return a.drop(KindClientQuota, quotaKey(v), "quota "+v.Key)
		}
		a.keep(KindClientQuota, quotaKey(v), r)
	case *msg.ZkMigrationStateRecord:
		a.keep(KindZkMigrationState, "", r)
	default:
		return fmt.Errorf("this program does not know what a %T does", r.Message)
	}
	return nil
}

func (a *applier) keep(kind int16, key string, r Record) {
	byKey, _ := a.img.retained.get(kind)
	before, _ := byKey.get(key)
	byKey = byKey.copied()
	byKey.set(key, r)
	a.img.retained.set(kind, byKey)
	a.delta.Retained = append(a.delta.Retained, RetainedChange{kind, before, r})
}

func (a *applier) drop(kind int16, key, what string) error {
	byKey, _ := a.img.retained.get(kind)
	before, ok := byKey.get(key)
	if !ok {
		return fmt.Errorf("there is no %s to remove", what)
	}
	byKey = byKey.copied()
	byKey.remove(key)
	a.img.retained.set(kind, byKey)
	a.delta.Retained = append(a.delta.Retained, RetainedChange{Kind: kind, Before: before})
	return nil
}

func scramKey(mechanism int8, user string) string { return fmt.Sprintf("%d\x00%s", mechanism, user) }

// quotaKey tells quotas apart by what they are about. %q keeps names with odd
// characters from running into each other.
func quotaKey(r *msg.ClientQuotaRecord) string {
	var b strings.Builder
	for _, e := range r.Entity {
		fmt.Fprintf(&b, "%q=", e.EntityType)
		if e.EntityName.Valid {
			fmt.Fprintf(&b, "%q", e.EntityName.String)
		}
		b.WriteByte(',')
	}
	fmt.Fprintf(&b, "%q", r.Key)
	return b.String()
}
