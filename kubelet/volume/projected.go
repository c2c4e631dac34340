package volume

import (
	"context"
	"errors"
	"fmt"
	"math/rand/v2"
	"os"
	"time"

	authenticationv1 "k8s.io/api/authentication/v1"
	certificatesv1beta1 "k8s.io/api/certificates/v1beta1"
	corev1 "k8s.io/api/core/v1"
	apierrors "k8s.io/apimachinery/pkg/api/errors"
	metav1 "k8s.io/apimachinery/pkg/apis/meta/v1"
	"sigs.k8s.io/controller-runtime/pkg/client"

	"github.com/coxswain-k8s/coxswain/kubelet/volume/atomicdir"
	"github.com/coxswain-k8s/coxswain/kubelet/volume/safepath"
)

// memoryPlugins are the volumes that may hold secrets: their folders are tmpfs, so that nothing reaches a disk.
var memoryPlugins = map[string]bool{"secret": true, "projected": true, "downward-api": true}

// prepare makes the volume's folder, in memory where the plugin asks for it.
func (s setter) prepare(plugin, dir string) error {
	if err := os.MkdirAll(dir, 0o750); err != nil {
		return err
	}
	if memoryPlugins[plugin] {
		mounted, err := safepath.IsMountPoint(dir)
		if err != nil {
			return err
		}
		if !mounted {
			if err := s.mountMedium(dir, &corev1.EmptyDirVolumeSource{Medium: corev1.StorageMediumMemory}); err != nil {
				return err
			}
		}
	}
	if err := os.Chmod(dir, 0o777); err != nil {
		return err
	}
	return s.own(dir, true)
}

func (s setter) projectedVolume(ctx context.Context, name string, source *corev1.ProjectedVolumeSource) (Mount, error) {
	files := payload{}
	var errs []error
	for i := range source.Sources {
		part, err := s.projectedFiles(ctx, name, &source.Sources[i], source.DefaultMode)
		if err != nil {
			errs = append(errs, err)
			continue
		}
		files.add(part)
	}
	if len(errs) > 0 {
		return Mount{}, aggregate(errs)
	}
	return s.write("projected", name, files)
}

// aggregate writes several errors as one line, the form that events have.
func aggregate(errs []error) error {
	if len(errs) == 1 {
		return errs[0]
	}
	text := ""
	for i, err := range errs {
		if i > 0 {
			text += ", "
		}
		text += err.Error()
	}
	return errors.New("[" + text + "]")
}

func (s setter) projectedFiles(ctx context.Context, volume string, source *corev1.VolumeProjection, defaultMode *int32) (payload, error) {
	mode := fileMode(defaultMode)
	switch {
	case source.ConfigMap != nil:
		part := source.ConfigMap
		return s.configMapFiles(ctx, part.Name, selection{part.Items, mode, optional(part.Optional)})
	case source.Secret != nil:
		part := source.Secret
		return s.secretFiles(ctx, part.Name, selection{part.Items, mode, optional(part.Optional)})
	case source.DownwardAPI != nil:
		return s.downwardFiles(source.DownwardAPI.Items, mode)
	case source.ServiceAccountToken != nil:
		value, err := s.token(ctx, volume, source.ServiceAccountToken)
		if err != nil {
			return nil, err
		}
		file := atomicdir.File{Data: []byte(value), Mode: mode, UID: fsUser(s.pod)}
		if file.UID != nil || fsGroup(s.pod) != nil {
			file.Mode = 0o600
		}
		return payload{source.ServiceAccountToken.Path: file}, nil
	case source.ClusterTrustBundle != nil:
		data, err := s.trustBundle(ctx, source.ClusterTrustBundle)
		if err != nil {
			return nil, err
		}
		return payload{source.ClusterTrustBundle.Path: {Data: data, Mode: mode}}, nil
	default:
		return nil, errors.New("projected volume source is not supported")
	}
}

// trustBundle concatenates the certificates of the named bundle or of all the signer's bundles that match.
func (s setter) trustBundle(ctx context.Context, source *corev1.ClusterTrustBundleProjection) ([]byte, error) {
	if source.Name != nil {
		var bundle certificatesv1beta1.ClusterTrustBundle
		err := s.Client.Get(ctx, client.ObjectKey{Name: *source.Name}, &bundle)
		if apierrors.IsNotFound(err) && optional(source.Optional) {
			return nil, nil
		}
		return []byte(bundle.Spec.TrustBundle), err
	}
	if source.SignerName == nil {
		return nil, errors.New("clusterTrustBundle projection names neither a bundle nor a signer")
	}
	selector, err := metav1.LabelSelectorAsSelector(source.LabelSelector)
	if err != nil {
		return nil, fmt.Errorf("parsing clusterTrustBundle label selector: %w", err)
	}
	var bundles certificatesv1beta1.ClusterTrustBundleList
	if err := s.Client.List(ctx, &bundles, client.MatchingLabelsSelector{Selector: selector}); err != nil {
		return nil, fmt.Errorf("listing clusterTrustBundles: %w", err)
	}
	var data []byte
	for i := range bundles.Items {
		if bundles.Items[i].Spec.SignerName == *source.SignerName {
			data = append(data, bundles.Items[i].Spec.TrustBundle...)
		}
	}
	if data == nil && !optional(source.Optional) {
		return nil, fmt.Errorf("combination of signerName %q and labelSelector matched zero ClusterTrustBundles", *source.SignerName)
	}
	return data, nil
}

const (
	// maxTokenAge is when a token is replaced even if it is valid for longer.
	maxTokenAge = 24 * time.Hour
	// tokenJitter keeps the tokens of many pods from being replaced at the same moment.
	tokenJitter = 10 * time.Second
)

type tokenKey struct{ volume, path string }

type token struct {
	value string
	due   time.Time
}

// token returns the pod's token for the projection, asking for a new one when the last is due.
func (s setter) token(ctx context.Context, volume string, source *corev1.ServiceAccountTokenProjection) (string, error) {
	key := tokenKey{volume, source.Path}
	if have, ok := s.state.tokens[key]; ok && s.clock().Now().Before(have.due) {
		return have.value, nil
	}
	request := &authenticationv1.TokenRequest{Spec: authenticationv1.TokenRequestSpec{
		ExpirationSeconds: source.ExpirationSeconds,
		BoundObjectRef:    &authenticationv1.BoundObjectReference{APIVersion: "v1", Kind: "Pod", Name: s.pod.Name, UID: s.pod.UID},
	}}
	if source.Audience != "" {
		request.Spec.Audiences = []string{source.Audience}
	}
	account := &corev1.ServiceAccount{ObjectMeta: metav1.ObjectMeta{Namespace: s.pod.Namespace, Name: s.pod.Spec.ServiceAccountName}}
	asked := s.clock().Now()
	if err := s.Client.SubResource("token").Create(ctx, account, request); err != nil {
		return "", fmt.Errorf("failed to fetch token: %w", err)
	}
	s.state.tokens[key] = token{value: request.Status.Token, due: tokenDue(asked, request)}
	return request.Status.Token, nil
}

// tokenDue is when 80% of the token's life, or a day, has passed.
func tokenDue(asked time.Time, request *authenticationv1.TokenRequest) time.Time {
	expires := request.Status.ExpirationTimestamp.Time
	lifetime := expires.Sub(asked)
	if request.Spec.ExpirationSeconds != nil {
		lifetime = time.Duration(*request.Spec.ExpirationSeconds) * time.Second
	}
	due := expires.Add(-lifetime / 5)
	if oldest := asked.Add(maxTokenAge); oldest.Before(due) {
		due = oldest
	}
	return due.Add(-rand.N(tokenJitter))
}
