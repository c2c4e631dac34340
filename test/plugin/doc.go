// Command plugin is Coxswain with a scheduler plugin of somebody else compiled in, as a sample: it runs the server that a
// file describes, with the plugin Berths beside those that come with the scheduler. It owns the plugin and writes nothing.
package main
