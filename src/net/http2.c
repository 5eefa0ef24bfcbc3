#include "net/http2.h"

#include "net/connection.h"

bool http2_begin(struct connection *connection)
{
    connection->is_closing = true;
    return true;
}
