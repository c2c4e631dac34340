package recorders

import (
	"context"
	"sync"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/client-go/tools/events"
	"k8s.io/utils/clock"
	"sigs.k8s.io/controller-runtime/pkg/client"
)

// Profiles lets every profile of the scheduler tell of pods: that they are bound as news, and everything else as it comes.
type Profiles struct {
	scheme      *runtime.Scheme
	broadcaster events.EventBroadcaster
	news        *news
	telling     sync.WaitGroup
	untold      context.CancelFunc
}

func NewProfiles(ctx context.Context, writer client.Client, scheme *runtime.Scheme) (*Profiles, error) {
	p := &Profiles{scheme: scheme, broadcaster: events.NewBroadcaster(newEventSink(writer)), news: newNews(writer, clock.RealClock{})}
	if err := p.broadcaster.StartRecordingToSinkWithContext(ctx); err != nil {
		p.broadcaster.Shutdown()
		return nil, err
	}
	telling, untold := context.WithCancel(context.WithoutCancel(ctx))
	p.untold = untold
	p.telling.Go(func() { p.news.run(telling) })
	return p, nil
}

// Recorder is that of a profile.
func (p *Profiles) Recorder(profile string) events.EventRecorderLogger {
	return newsRecorder{p.broadcaster.NewRecorder(p.scheme, profile), p.news, profile}
}

// Stop returns when what is left is written, or given up.
func (p *Profiles) Stop() {
	p.untold()
	p.telling.Wait()
	p.broadcaster.Shutdown()
}
