"""From sockets to requests and back; knows neither Flask nor the engine."""
