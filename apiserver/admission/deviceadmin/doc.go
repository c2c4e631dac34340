// Package deviceadmin keeps requests for devices with administrative access to the namespaces that are marked for them: who has such
// access shares devices with those who use them. It cannot be switched off.
//
// It reads namespaces. It writes nothing.
package deviceadmin
