// SPDX-License-Identifier: MIT
pragma solidity ^0.8.24;

import {Publication} from "./IAssetRegistry.sol";
import {Share} from "./ISplitterFactory.sol";

/// @dev People who own assets together.
struct Team {
    /// Owners of the Safe.
    address[] owners;
    /// How many of them must sign.
    uint256 threshold;
    /// Who receives which share of the revenue; empty to leave it with the Safe.
    Share[] shares;
    /// Tells teams of the same people apart.
    uint256 saltNonce;
}

/// @title TeamFactory: a Safe, a splitter and, if wanted, a first asset in one transaction.
/// @dev The Safe is the published one, made by its own factory; this contract keeps no say in it. What exists already is
/// taken as it is, so nobody can spoil a team by making its Safe or splitter first.
interface ITeamFactory {
    /// @notice A team has its Safe and its splitter.
    /// @param safe The Safe.
    /// @param splitter The splitter; zero for a team without shares.
    /// @param owners Owners of the Safe.
    /// @param threshold How many of them must sign.
    event TeamCreated(address indexed safe, address indexed splitter, address[] owners, uint256 threshold);

    /// @dev The Safe is there, but has other owners or another threshold by now: another salt makes another one.
    error TeamHasChanged(address safe);

    /// @dev Only a Safe that is being set up lends itself to this.
    error NotInSetup();

    /// @notice Make the Safe and the splitter of a team.
    /// @param team The people.
    /// @return safe The Safe.
    /// @return splitter The splitter; zero for a team without shares.
    function createTeam(Team calldata team) external returns (address safe, address splitter);

    /// @notice Make a team whose Safe publishes an asset while it is set up; its revenue goes to the splitter.
    /// @dev The Safe is another one than `createTeam` makes: its address commits to the publication too. So nobody but the
    /// Safe itself names who is paid, and a Safe that is there has published.
    /// @param team The people.
    /// @param publication The asset. Its payout, if it is not zero, is taken instead of the splitter.
    /// @return safe The Safe.
    /// @return splitter The splitter; zero for a team without shares.
    function createTeamAndPublish(Team calldata team, Publication calldata publication)
        external
        returns (address safe, address splitter);

    /// @notice Where the Safe and the splitter of a team are, made or not.
    /// @param team The people.
    /// @return safe The Safe.
    /// @return splitter The splitter; zero for a team without shares.
    function teamOf(Team calldata team) external view returns (address safe, address splitter);

    /// @notice Where the Safe and the splitter of a team that publishes are, made or not.
    /// @param team The people.
    /// @param publication The asset.
    /// @return safe The Safe.
    /// @return splitter The splitter; zero for a team without shares.
    function publishingTeamOf(Team calldata team, Publication calldata publication)
        external
        view
        returns (address safe, address splitter);

    /// @notice Publish, as the Safe whose set-up this is.
    /// @param publication The asset.
    function publishInSetup(Publication calldata publication) external;
}

/// @dev What is called of the published Safe contract.
interface ISafe {
    /// @notice Set a new Safe up; once.
    /// @param owners Its owners.
    /// @param threshold How many of them must sign.
    /// @param to What the Safe runs in its own name while it is set up; zero for nothing.
    /// @param data With which data.
    /// @param fallbackHandler Who answers what the Safe itself does not.
    /// @param paymentToken In which token whoever set it up is paid back; zero for native coin.
    /// @param payment How much.
    /// @param paymentReceiver To whom; zero for the sender of the transaction.
    function setup(
        address[] calldata owners,
        uint256 threshold,
        address to,
        bytes calldata data,
        address fallbackHandler,
        address paymentToken,
        uint256 payment,
        address payable paymentReceiver
    ) external;

    /// @notice Who owns it.
    /// @return The owners.
    function getOwners() external view returns (address[] memory);

    /// @notice How many owners must sign.
    /// @return Their number.
    function getThreshold() external view returns (uint256);
}

/// @dev What is called of the published Safe proxy factory.
interface ISafeProxyFactory {
    /// @notice Make a Safe and set it up.
    /// @param singleton The Safe contract that it is a proxy of.
    /// @param initializer The call of `setup`.
    /// @param saltNonce Tells Safes of the same set-up apart.
    /// @return proxy The Safe.
    function createProxyWithNonce(address singleton, bytes memory initializer, uint256 saltNonce)
        external
        returns (address proxy);

    /// @notice The code that makes a proxy, of which its address follows.
    /// @return The code, without what the constructor takes.
    function proxyCreationCode() external pure returns (bytes memory);
}
