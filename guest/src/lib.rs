//! A client with bootc's command line.
