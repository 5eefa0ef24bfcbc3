// sdk.mjs FOLDER PROTOCOL: a program instrumented with OpenTelemetry's SDK, which knows nothing of
// the receiver but OTEL_EXPORTER_OTLP_ENDPOINT. PROTOCOL is grpc, proto or http (JSON).
import { createRequire } from "node:module";
import { join } from "node:path";

const [folder, protocol] = process.argv.slice(2);
const load = createRequire(join(folder, "package.json"));

const { Resource } = load("@opentelemetry/resources");
const { NodeTracerProvider, SimpleSpanProcessor } = load("@opentelemetry/sdk-trace-node");
const { MeterProvider, PeriodicExportingMetricReader } = load("@opentelemetry/sdk-metrics");
const { LoggerProvider, SimpleLogRecordProcessor } = load("@opentelemetry/sdk-logs");
const { OTLPTraceExporter } = load(`@opentelemetry/exporter-trace-otlp-${protocol}`);
const { OTLPMetricExporter } = load(`@opentelemetry/exporter-metrics-otlp-${protocol}`);
const { OTLPLogExporter } = load(`@opentelemetry/exporter-logs-otlp-${protocol}`);

const resource = new Resource({ "service.name": `shop-${protocol}` });

const tracers = new NodeTracerProvider({
  resource,
  spanProcessors: [new SimpleSpanProcessor(new OTLPTraceExporter())],
});
const span = tracers.getTracer("orders").startSpan("place order", { attributes: { items: 3 } });
span.addEvent("paid", { currency: "CNY" });
span.end();

const meters = new MeterProvider({
  resource,
  readers: [new PeriodicExportingMetricReader({ exporter: new OTLPMetricExporter() })],
});
const meter = meters.getMeter("orders");
meter.createCounter("orders.placed").add(7, { region: "eu" });
meter.createHistogram("orders.seconds").record(0.25);

const loggers = new LoggerProvider({ resource });
loggers.addLogRecordProcessor(new SimpleLogRecordProcessor(new OTLPLogExporter()));
loggers.getLogger("orders").emit({ severityNumber: 9, severityText: "INFO", body: "order placed" });

for (const provider of [tracers, meters, loggers]) {
  await provider.forceFlush();
  await provider.shutdown();
}
console.log("sent");
