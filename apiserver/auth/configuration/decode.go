package configuration

import (
	"errors"
	"fmt"

	"k8s.io/apimachinery/pkg/runtime"
	"k8s.io/apimachinery/pkg/runtime/schema"
	"k8s.io/apimachinery/pkg/runtime/serializer"
	"k8s.io/apiserver/pkg/apis/apiserver"
	apiserverv1 "k8s.io/apiserver/pkg/apis/apiserver/v1"
)

var errEmpty = errors.New("empty config data")

// decode reads a file of one of the served versions, strictly, with its defaults. All versions have the same fields.
func decode(data []byte) (runtime.Object, error) {
	scheme := runtime.NewScheme()
	if err := apiserverv1.AddToScheme(scheme); err != nil {
		return nil, err
	}
	for _, version := range []string{"v1beta1", "v1alpha1"} {
		of := schema.GroupVersion{Group: apiserver.GroupName, Version: version}
		scheme.AddKnownTypes(of, &apiserverv1.AuthenticationConfiguration{}, &apiserverv1.AuthorizationConfiguration{})
	}
	obj, _, err := serializer.NewCodecFactory(scheme, serializer.EnableStrict).UniversalDeserializer().Decode(data, nil, nil)
	if err != nil {
		return nil, err
	}
	scheme.Default(obj)
	return obj, nil
}

func decodeAuthentication(data []byte) (*apiserver.AuthenticationConfiguration, error) {
	if len(data) == 0 {
		return nil, errEmpty
	}
	obj, err := decode(data)
	if err != nil {
		return nil, err
	}
	given, ok := obj.(*apiserverv1.AuthenticationConfiguration)
	if !ok {
		return nil, fmt.Errorf("expected AuthenticationConfiguration, got %T", obj)
	}
	config := &apiserver.AuthenticationConfiguration{}
	return config, apiserverv1.Convert_v1_AuthenticationConfiguration_To_apiserver_AuthenticationConfiguration(given, config, nil)
}

func decodeAuthorization(data []byte) (*apiserver.AuthorizationConfiguration, error) {
	config := &apiserver.AuthorizationConfiguration{}
	if len(data) == 0 {
		return config, nil // and what it lacks is said by the checks
	}
	obj, err := decode(data)
	if err != nil {
		return nil, fmt.Errorf("failed to load AuthorizationConfiguration from file: %w", err)
	}
	given, ok := obj.(*apiserverv1.AuthorizationConfiguration)
	if !ok {
		return nil, fmt.Errorf("expected AuthorizationConfiguration, got %T", obj)
	}
	return config, apiserverv1.Convert_v1_AuthorizationConfiguration_To_apiserver_AuthorizationConfiguration(given, config, nil)
}
