// The header wall: the last include of every core source file. A core file that came to see
// PostgreSQL's headers could not be tested without a server, and could be jumped over by ereport.
#ifdef POSTGRES_H
#error "a core file must not include PostgreSQL's headers"
#endif
