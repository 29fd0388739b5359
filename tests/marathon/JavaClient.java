import java.util.List;
import java.util.Map;
import mesosphere.marathon.client.Marathon;
import mesosphere.marathon.client.MarathonClient;
import mesosphere.marathon.client.MarathonException;
import mesosphere.marathon.client.model.v2.App;
import mesosphere.marathon.client.model.v2.Group;
import mesosphere.marathon.client.model.v2.HealthCheck;
import mesosphere.marathon.client.model.v2.Result;

/** Drives a Marathon with com.mesosphere:marathon-client: java -cp 'JARS/*' JavaClient.java URL COMMAND */
public class JavaClient {
    static final long DEADLINE_MS = 60_000;
    static final long POLL_MS = 100;

    public static void main(String[] arguments) throws Exception {
        Marathon marathon = MarathonClient.getInstance(arguments[0]);
        App app = app("/java/one", arguments[1]);
        marathon.createApp(app);
        settle(marathon);
        App found = marathon.getApp("/java/one").getApp();
        check(found.getTasksRunning() == 2 && found.getTasksHealthy() == 2, "two serve: " + found);
        check(marathon.getAppTasks("/java/one").getTasks().size() == 2, "two tasks");
        App change = new App();
        change.setEnv(Map.of("A", "1"));
        Result result = marathon.updateApp("/java/one", change, false);
        check(result.getDeploymentId() != null, "a deployment");
        settle(marathon);
        check(marathon.getAppVersions("/java/one").getVersions().size() == 2, "two versions");
        marathon.restartApp("/java/one", false);
        settle(marathon);
        Group group = new Group();
        group.setId("/java/group");
        group.setApps(List.of(app("/java/group/two", arguments[1])));
        marathon.createGroup(group);
        settle(marathon);
        check(marathon.getGroup("/java/group").getApps().size() == 1, "the group has one");
        App nowhere = new App();
        nowhere.setConstraints(List.of(List.of("zone", "IS", "nowhere")));
        String under = marathon.updateApp("/java/one", nowhere, false).getDeploymentId();
        check(marathon.getDeployments().get(0).getId().equals(under), "it is under way");
        marathon.cancelDeploymentAndRollback(under);
        settle(marathon);
        check(marathon.getApp("/java/one").getApp().getConstraints().isEmpty(), "all is as before");
        marathon.deleteApp("/java/one");
        marathon.deleteGroup("/java/group", false);
        settle(marathon);
        try {
            marathon.getApp("/java/one");
            check(false, "it is still there");
        } catch (MarathonException error) {
            check(error.getStatus() == 404, "it is gone: " + error);
        }
        System.out.println("version " + marathon.getServerInfo().getVersion());
    }

    static App app(String id, String command) {
        App app = new App();
        app.setId(id);
        app.setCmd(command);
        app.setInstances(2);
        app.setCpus(0.1);
        app.setMem(32.0);
        HealthCheck check = new HealthCheck();
        check.setProtocol("MESOS_HTTP");
        check.setPath("/");
        check.setPortIndex(0);
        check.setIntervalSeconds(1);
        app.setHealthChecks(List.of(check));
        return app;
    }

    static void settle(Marathon marathon) throws Exception {
        long deadline = System.currentTimeMillis() + DEADLINE_MS;
        while (!marathon.getDeployments().isEmpty()) {
            check(System.currentTimeMillis() < deadline, "no deployment is under way");
            Thread.sleep(POLL_MS);
        }
    }

    static void check(boolean holds, String what) {
        if (!holds) {
            throw new AssertionError(what);
        }
    }
}
