package metadata

import (
	"fmt"

	"github.com/samsa-project/samsa/internal/wire/msg"
)

func (a *applier) registerBroker(r *msg.RegisterBrokerRecord) error {
	if r.BrokerID < 0 {
		return fmt.Errorf("broker id %d", r.BrokerID)
	}
	a.setBroker(a.img.Broker(BrokerID(r.BrokerID)), newBroker(r))
	return nil
}

func (a *applier) unregisterBroker(r *msg.UnregisterBrokerRecord) error {
	b, err := a.broker(r.BrokerID, r.BrokerEpoch)
	if err != nil {
		return err
	}
	a.setBroker(b, nil)
	return nil
}

// broker is the registration that a record is about.
func (a *applier) broker(id int32, epoch int64) (*Broker, error) {
	b := a.img.Broker(BrokerID(id))
	if b == nil {
		return nil, fmt.Errorf("broker %d is not registered", id)
	}
	if b.Epoch != BrokerEpoch(epoch) {
		return nil, fmt.Errorf("broker %d is registered in epoch %d, the record is of epoch %d", id, b.Epoch, epoch)
	}
	return b, nil
}

func (a *applier) brokerChange(id int32, epoch int64, change func(*Broker)) error {
	b, err := a.broker(id, epoch)
	if err != nil {
		return err
	}
	next := *b
	change(&next)
	a.setBroker(b, &next)
	return nil
}

func (a *applier) registrationChange(r *msg.BrokerRegistrationChangeRecord) error {
	if r.Fenced < -1 || r.Fenced > 1 {
		return fmt.Errorf("the change of fencing is %d, known are -1, 0 and 1", r.Fenced)
	}
	if r.InControlledShutdown < 0 || r.InControlledShutdown > 1 {
		return fmt.Errorf("the change of controlled shutdown is %d, known are 0 and 1", r.InControlledShutdown)
	}
	return a.brokerChange(r.BrokerID, r.BrokerEpoch, func(b *Broker) {
		switch r.Fenced {
		case FencedUnchanged:
		case FencedNow:
			b.Fenced = true
		case UnfencedNow:
			b.Fenced = false
		}
		if r.InControlledShutdown == 1 {
			b.InControlledShutdown = true
		}
		if len(r.LogDirs) > 0 {
			b.Directories = directoryIDs(r.LogDirs)
		}
		if r.CordonedLogDirs != nil {
			b.Cordoned = directoryIDs(r.CordonedLogDirs)
		}
	})
}

// How a registration change record says what happens to the fence.
const (
	UnfencedNow     int8 = -1
	FencedUnchanged int8 = 0
	FencedNow       int8 = 1
)

func (a *applier) setBroker(before, after *Broker) {
	var id BrokerID
	if after != nil {
		id = after.ID
		a.img.brokers.set(id, after)
	} else {
		id = before.ID
		a.img.brokers.remove(id)
	}
	if at, touched := a.brokerAt[id]; touched {
		a.delta.Brokers[at].After = after
		return
	}
	a.brokerAt[id] = len(a.delta.Brokers)
	a.delta.Brokers = append(a.delta.Brokers, BrokerChange{before, after})
}

func (a *applier) registerController(r *msg.RegisterControllerRecord) error {
	c := newController(r)
	if c.ID < 0 {
		return fmt.Errorf("controller id %d", c.ID)
	}
	before, _ := a.img.controllers.get(c.ID)
	a.img.controllers.set(c.ID, c)
	a.delta.Controllers = append(a.delta.Controllers, ControllerChange{before, c})
	return nil
}

func (a *applier) unregisterController(r *msg.UnregisterControllerRecord) error {
	before, ok := a.img.controllers.get(BrokerID(r.ControllerID))
	if !ok {
		return fmt.Errorf("controller %d is not registered", r.ControllerID)
	}
	a.img.controllers.remove(before.ID)
	a.delta.Controllers = append(a.delta.Controllers, ControllerChange{before, nil})
	return nil
}

// config keeps names that this program does not know: an older or newer one may.
func (a *applier) config(r *msg.ConfigRecord) error {
	of := Resource{ResourceType(r.ResourceType), r.ResourceName}
	byName, _ := a.img.configs.get(of.Type)
	byName = byName.copied()
	c, _ := byName.get(of.Name)
	next := Config{c.values.copied()}
	if r.Value.Valid {
		next.values.set(r.Name, r.Value.String)
	} else {
		next.values.remove(r.Name)
	}
	if next.Len() == 0 {
		byName.remove(of.Name)
	} else {
		byName.set(of.Name, next)
	}
	a.setConfigs(of, byName)
	return nil
}

func (a *applier) dropConfig(of Resource) {
	byName, _ := a.img.configs.get(of.Type)
	byName = byName.copied()
	byName.remove(of.Name)
	a.setConfigs(of, byName)
}

func (a *applier) setConfigs(of Resource, byName table[string, Config]) {
	a.img.configs.set(of.Type, byName)
	if !a.configSeen[of] {
		a.configSeen[of] = true
		a.delta.Configs = append(a.delta.Configs, of)
	}
}

// feature refuses a level that this program cannot work with: it would not
// understand what is written under it. A record for kraft.version is passed
// over as Kafka does (some old ones wrote it by mistake): that level is a
// control record of the log.
func (a *applier) feature(r *msg.FeatureLevelRecord) error {
	if r.Name == FeatureKRaft {
		return nil
	}
	if err := featureFits(r.Name, r.FeatureLevel); err != nil {
		return err
	}
	if r.FeatureLevel == 0 {
		a.img.features.remove(r.Name)
	} else {
		a.img.features.set(r.Name, r.FeatureLevel)
	}
	a.delta.Features = append(a.delta.Features, r.Name)
	return nil
}

func (a *applier) producerIDs(r *msg.ProducerIdsRecord) error {
	next := ProducerID(r.NextProducerID)
	if next <= a.img.nextPID {
		return fmt.Errorf("the next producer id would go from %d back to %d", a.img.nextPID, next)
	}
	a.img.nextPID = next
	a.delta.ProducerIDs = true
	return nil
}
