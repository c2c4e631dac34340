// Package rules says what the service proxy wants the kernel to do, in terms that no kernel interface appears in.
//
// It owns the model (Frontend, Target, Pool), the pure function Compute from one Service and its EndpointSlices to that
// model, and State, which gathers what Compute says about all Services and hands out the difference since the last time it was asked.
// It reads the objects given to it and nothing else. It writes nothing and never talks to the kernel or to the API.
package rules
