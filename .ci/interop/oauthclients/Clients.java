// The clients of Debian's Java. Each line of stdin is a step, and each line of stdout its
// answer: see the type step of steps_test.go.
import com.google.api.client.http.ByteArrayContent;
import com.google.api.client.http.GenericUrl;
import com.google.api.client.http.javanet.NetHttpTransport;
import com.google.auth.http.HttpCredentialsAdapter;
import com.google.auth.oauth2.ServiceAccountCredentials;
import com.google.gson.Gson;
import com.google.gson.JsonObject;
import java.io.BufferedReader;
import java.io.IOException;
import java.io.InputStreamReader;
import java.net.URI;
import java.nio.charset.StandardCharsets;
import java.util.ArrayList;
import java.util.List;

class Clients {
  static ServiceAccountCredentials credentials(JsonObject step) throws IOException {
    List<String> scopes = new ArrayList<>();
    if (step.has("scopes") && step.get("scopes").isJsonArray()) {
      step.getAsJsonArray("scopes").forEach(scope -> scopes.add(scope.getAsString()));
    }
    String id = step.get("id").getAsString();
    String subject = step.get("subject").getAsString();
    return ServiceAccountCredentials.fromPkcs8(id, id, step.get("key").getAsString(), step.get("keyId").getAsString(), scopes,
        null, URI.create(step.get("tokenUrl").getAsString()), subject.isEmpty() ? null : subject);
  }

  static int send(JsonObject step, ServiceAccountCredentials credentials) throws IOException {
    byte[] body = step.get("body").getAsString().getBytes(StandardCharsets.UTF_8);
    return new NetHttpTransport().createRequestFactory(new HttpCredentialsAdapter(credentials))
        .buildPostRequest(new GenericUrl(step.get("url").getAsString()), new ByteArrayContent("application/json", body))
        .setThrowExceptionOnExecuteError(false).execute().getStatusCode();
  }

  public static void main(String[] args) throws IOException {
    String version = "";
    for (String jar : System.getProperty("java.class.path").split(":")) {
      version += jar.replaceAll(".*/google-auth-library-oauth2-http-([0-9.]+)\\.jar|.*", "$1");
    }
    ServiceAccountCredentials credentials = null;
    BufferedReader in = new BufferedReader(new InputStreamReader(System.in, StandardCharsets.UTF_8));
    for (String line; (line = in.readLine()) != null; ) {
      JsonObject step = new Gson().fromJson(line, JsonObject.class);
      JsonObject answer = new JsonObject();
      answer.addProperty("version", version);
      String again = step.has("again") ? step.get("again").getAsString() : "";
      try {
        if (again.isEmpty()) {
          credentials = credentials(step);
        }
        if (!again.equals("message")) {
          credentials.refresh();
        }
        answer.addProperty("status", send(step, credentials));
      } catch (Exception e) {
        answer.addProperty("error", e + " " + e.getCause());
      }
      System.out.println(answer);
    }
  }
}
