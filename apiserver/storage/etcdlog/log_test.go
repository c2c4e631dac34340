package etcdlog

import (
	"errors"
	"net"
	"net/http"
	"strings"
	"testing"

	"github.com/go-logr/logr/funcr"
	"go.uber.org/zap"
)

func TestOnlyExpectedErrorsOfEtcdAreQuiet(t *testing.T) {
	for _, test := range []struct {
		why, message string
		cause        error
		loud         bool
	}{
		{"a new member has no term", "failed to update storage version", errors.New("cannot detect storage schema version: missing term information"), false},
		{"a member is closed while it starts", "setting up serving from embedded etcd failed.", http.ErrServerClosed, false},
		{"its socket is closed", "setting up serving from embedded etcd failed.", &net.OpError{Op: "accept", Err: net.ErrClosed}, false},
		{"its server has ended", "setting up serving from embedded etcd failed.", errors.New("grpc: the server has been stopped"), false},
		{"the version cannot be stored", "failed to update storage version", errors.New("disk full"), true},
		{"serving fails", "setting up serving from embedded etcd failed.", errors.New("address in use"), true},
		{"no cause is known", "failed to update storage version", nil, true},
		{"the cause alone excuses nothing", "failed to purge", http.ErrServerClosed, true},
	} {
		var lines []string
		Quiet(funcr.New(func(_, line string) { lines = append(lines, line) }, funcr.Options{})).Error(test.message, zap.Error(test.cause))
		if loud := strings.Contains(strings.Join(lines, ""), test.message); loud != test.loud {
			t.Errorf("%s: logged %q", test.why, lines)
		}
	}
}
