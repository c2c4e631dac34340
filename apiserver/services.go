package apiserver

// ServiceRanges are what Services get their addresses and ports from.
type ServiceRanges struct{}

func (s *Server) serviceHooks() hooks { return hooks{returnsDeleted: true} }
